import Instants
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Moments as HTTP spells them (RFC 9110 §5.6.7, IMF-fixdate): each second once.
final class HTTPDates: Sendable {
    private let latest = Mutex<(second: Int64, text: String)?>(nil)

    func text(of moment: Instant) -> String {
        let second = moment.secondsSinceEpoch
        return latest.withLock { latest in
            if let latest, latest.second == second { return latest.text }
            let text = Self.spelled(second)
            latest = (second, text)
            return text
        }
    }

    /// In the C locale, which a program has that asks for no other.
    private static func spelled(_ second: Int64) -> String {
        var moment = time_t(second)
        var parts = tm()
        gmtime_r(&moment, &parts)
        return String(unsafeUninitializedCapacity: 32) { text in
            text.withMemoryRebound(to: CChar.self) { text in
                strftime(text.baseAddress, text.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
            }
        }
    }
}
