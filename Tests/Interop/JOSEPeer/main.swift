import Foundation
import Instants
import JOSE

// Our side of the interoperability tests: reads one JSON request a line from standard input and answers each with one
// line, `{"result": …}` or `{"error": {"code": …, "reason": …}}`. Tests/Interop/peers.py asks; what each operation
// takes and gives is in Operations.swift.

let limits = ParsingLimits(maximumBytes: 1 << 20, maximumDepth: 16)

/// One line in one write.
func answer(_ response: JSONObject) {
    FileHandle.standardOutput.write(Data(response.serialized() + [UInt8(ascii: "\n")]))
}

while let line = readLine(strippingNewline: true) {
    do {
        let request = Request(members: try JSONObject(parsing: Array(line.utf8), limits: limits))
        answer(["result": try request.result()])
    } catch let error as JOSEError {
        answer(["error": ["code": .string(error.code.description), "reason": .string(error.description)]])
    } catch {
        answer(["error": ["code": "request", "reason": .string("\(error)")]])
    }
}
