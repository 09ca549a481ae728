/// Every folder with Swift in it says what it is, in the first lines of one of its files.
enum RoomCards {
    /// A card: the file opens with two to eight `//` lines.
    static func hasCard(_ file: SourceFile) -> Bool {
        let card = file.textLines.prefix { $0.hasPrefix("// ") || $0 == "//" }
        return (2...8).contains(card.count)
    }

    static func foldersWithoutCard(_ files: [SourceFile]) -> [String] {
        Dictionary(grouping: files, by: \.folder)
            .filter { !$0.value.contains(where: hasCard) }
            .map { "\($0.key): no file opens with a room card (what it is, which sections, what it owns)" }
            .sorted()
    }
}
