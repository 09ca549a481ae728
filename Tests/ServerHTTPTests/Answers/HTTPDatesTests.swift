import Instants
import Testing

@testable import ServerHTTP

@Suite("Dates of HTTP")
struct HTTPDatesTests {
    @Test("RFC 9110 §5.6.7: the example, a leap day, and one text a second")
    func spelling() {
        let dates = HTTPDates()
        #expect(dates.text(of: Instant(secondsSinceEpoch: 784_111_777)) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(dates.text(of: Instant(millisecondsSinceEpoch: 784_111_777_999)) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(dates.text(of: Instant(secondsSinceEpoch: 1_835_395_200)) == "Tue, 29 Feb 2028 00:00:00 GMT")
        #expect(dates.text(of: Instant(secondsSinceEpoch: 784_111_777)) == "Sun, 06 Nov 1994 08:49:37 GMT")
    }
}
