import Foundation
import IssuerConnection
import JOSE
import OAuthClient

// Our client library driven by the journeys: reads one JSON request a line from standard input and answers each with one
// line, `{"result": …}` or `{"error": {…}}`. Tests/Journeys/client_peer.py asks; what each operation takes and gives is in
// Operations.swift.

let operations = Operations()
let limits = ParsingLimits(maximumBytes: 1 << 20, maximumDepth: 16)

/// One line in one write.
func answer(_ response: JSONObject) {
    FileHandle.standardOutput.write(Data(response.serialized() + [UInt8(ascii: "\n")]))
}

while let line = readLine(strippingNewline: true) {
    do {
        let request = try JSONObject(parsing: Array(line.utf8), limits: limits)
        answer(["result": .object(try await operations.result(of: request))])
    } catch let error as OAuthClientError {
        var members: JSONObject = ["code": .string(error.code.description), "reason": .string(error.description)]
        members["error"] = error.error.map(JSON.string)
        members["status"] = error.status.map { .integer(Int64($0)) }
        members["trace"] = error.traceID.map(JSON.string)
        answer(["error": .object(members)])
    } catch {
        answer(["error": ["code": "request", "reason": .string("\(error)")]])
    }
}
