/// THE list: every feature of the server, one row each. Reading it is reading what the server can do.
package enum Features {
    package static var all: [any Feature] {
        []
    }
}
