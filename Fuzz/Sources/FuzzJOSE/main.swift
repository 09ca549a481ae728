import CLibFuzzer

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

// libFuzzer over one of the targets in Tests/JOSETests/Fuzzing; scripts/fuzz.sh calls it.
//
//     FUZZ_TARGET=json FuzzJOSE [libFuzzer's own arguments]
//     FuzzJOSE targets
//
// The target is no argument, because libFuzzer starts itself again with the arguments that it knows.

if CommandLine.arguments.dropFirst() == ["targets"] {
    for target in FuzzTarget.allCases { print(target.rawValue) }
} else if let name = getenv("FUZZ_TARGET"), let target = FuzzTarget(rawValue: String(cString: name)) {
    chosen = target
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
    var count = CommandLine.argc
    exit(LLVMFuzzerRunDriver(&count, &arguments, testOneInput))
} else {
    print("FUZZ_TARGET must be one of \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))")
    exit(2)
}
