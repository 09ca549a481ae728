/// A store as a process holds it: opened, asked whether it can answer, closed.
package protocol StoreBackend: Store {
    /// Where the records are, as messages say it: an address or a path, never a password.
    var location: String { get }

    /// Returns if the engine answers and can be written to.
    ///
    /// Asked by readiness checks: it costs one round trip and waits no longer than any other request.
    func checkHealth() async throws(StoreError)

    /// An element whenever somebody, in whatever process, may have stored a record of the kinds that the backend was
    /// opened to announce; several in a row may be one element.
    ///
    /// A hint that saves polling, never the truth: it may be lost, late or early. `nil` where the engine tells nobody.
    func announcements() -> AsyncStream<Void>?

    /// Writes what is queued, then lets go of the engine; closing again does nothing.
    ///
    /// Every later call throws `StoreError.unavailable`.
    func close() async throws(StoreError)
}
