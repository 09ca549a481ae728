/// `max_age` is a number of seconds.
enum MaximumAgeCheck {
    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        guard let text = context.parameters["max_age"] else { return }
        // Ten digits are three centuries; Int64 alone would also read a sign.
        guard text.utf8.count <= 10, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let seconds = Int64(text)
        else {
            throw .invalidRequest(
                "max_age must be a number of seconds, not negative",
                detail: "max_age \(text.prefix(64))"
            )
        }
        draft.maximumAge = .seconds(seconds)
    }
}
