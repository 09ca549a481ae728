#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The target that this process fuzzes; set once, before the first input.
nonisolated(unsafe) var chosen = FuzzTarget.json

/// A broken promise ends the process, so that libFuzzer keeps the input.
func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    do {
        try chosen.check(Array(UnsafeBufferPointer(start: data, count: size)))
    } catch {
        fatalError("\(chosen.rawValue): \(error)")
    }
    return 0
}
