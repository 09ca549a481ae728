import Testing

@testable import signet

@Suite
struct ProcessorShareTests {
    @Test(
        arguments: [
            ("Name:\tsignet\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n", 2),
            ("Cpus_allowed:\tf0,00000001\n", 5),
            ("Cpus_allowed_list:\t0-1\n", nil),
            ("Cpus_allowed:\t\n", nil),
        ] as [(String, Int?)]
    )
    func `The processors that a process may use are those of its mask`(status: String, count: Int?) {
        #expect(ProcessorShare.allowed(inStatus: status) == count)
    }
}
