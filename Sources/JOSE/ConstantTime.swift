/// Comparisons whose time does not tell how much of a secret was guessed.
package enum ConstantTime {
    /// Whether both have the same bytes.
    ///
    /// The time depends on the lengths only, which are taken to be public.
    @inline(never)
    package static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for index in left.indices {
            difference |= left[index] ^ right[index]
        }
        return difference == 0
    }
}
