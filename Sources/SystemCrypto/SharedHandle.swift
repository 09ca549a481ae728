/// An object of the library that threads share.
///
/// Whoever makes one says when it is freed.
@safe
struct SharedHandle: @unchecked Sendable {
    // Sound for what is kept in it: a library context, which locks by itself, and the template of a signer, which is
    // finished before it is put here and from then on only copied (openssl-threads(7): objects may be read by several
    // threads at once as long as none changes them).
    private let pointer: OpaquePointer

    @unsafe
    init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }

    /// Valid while its owner lives.
    @unsafe var unprotected: OpaquePointer { unsafe pointer }
}
