import Testing

@testable import signet

@Suite
struct StartPagesTests {
    @Test func `Only the code of the file itself is let go of, and never what may have been written to`() {
        let maps = """
            55e0a1000000-55e0a1100000 r--p 00000000 fe:01 1234                       /opt/signet
            55e0a1100000-55e0a1300000 r-xp 00100000 fe:01 1234                       /opt/signet
            55e0a1300000-55e0a1400000 rw-p 00300000 fe:01 1234                       /opt/signet
            55e0a1400000-55e0a1500000 rwxp 00300000 fe:01 1234                       /opt/signet
            7f0000000000-7f0000100000 r-xp 00000000 fe:01 99                         /usr/lib/libc.so.6
            7f0000200000-7f0000300000 r-xp 00000000 00:00 0
            """
        #expect(StartPages.code(of: "/opt/signet", inMaps: maps) == [0x55e0_a110_0000..<0x55e0_a130_0000])
        #expect(StartPages.code(of: "/opt/other", inMaps: maps).isEmpty)
    }
}
