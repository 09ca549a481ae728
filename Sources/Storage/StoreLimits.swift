/// The bounds that every store puts on one call, whatever the caller asks for.
public enum StoreLimits {
    /// The most records that one `page` returns.
    public static let largestPage = 1000
    /// The most records that one `sweep` deletes: what is deleted in one go is what other writers wait for.
    public static let largestSweep = 1000

    /// How many records a page holds that was asked to hold `limit`: 1 to `largestPage`.
    public static func pageSize(asked limit: Int) -> Int { min(max(limit, 1), largestPage) }

    /// How many records a sweep may delete that was asked to delete `limit`: 0 to `largestSweep`.
    public static func sweepSize(asked limit: Int) -> Int { min(max(limit, 0), largestSweep) }
}
