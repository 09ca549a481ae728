import Testing

@testable import ServerHTTP

/// A number at the end of a path has one spelling, so that no list has two addresses.
@Suite struct NumberedRouteTests {
    @Test(arguments: [("/status-lists/1", 1), ("/status-lists/42", 42), ("/status-lists/999999999", 999_999_999)])
    func `A number from 1 in decimal digits is found`(_ path: String, _ number: Int) {
        let found = RouteTable.numbered(path)
        #expect(found?.prefix == "/status-lists/" && found?.number == number)
    }

    static let others = [
        "/status-lists/", "/status-lists/0", "/status-lists/01", "/status-lists/1/", "/status-lists/-", "",
        "/status-lists/1000000000", "/status-lists/\u{0661}", "/status-lists/1%30x", "/",
    ]

    @Test(arguments: others)
    func `Any other spelling is none`(_ path: String) {
        #expect(RouteTable.numbered(path) == nil)
    }
}
