// FormPost: hands an authorization response to the application as a form that submits itself.
// OAuth 2.0 Form Post Response Mode §2. Without JavaScript a visible button does it. Stores nothing.

/// The page of `response_mode=form_post`.
///
/// The script is a file of ours and not inline, so that the policy needs no exception.
package struct FormPostPage: Page {
    /// One parameter of the authorization response, sent to the last byte as it is.
    package struct Field: Sendable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package var redirectURI: String
    package var fields: [Field]
    package var script: PageScript { .own }
    package var formActions: [String] { FormAction.source(for: redirectURI).map { [$0] } ?? [] }

    package init(redirectURI: String, fields: [Field]) {
        self.redirectURI = redirectURI
        self.fields = fields
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        Templates.page(
            "form-post",
            title: texts.formPost.title,
            texts: texts,
            basePath: basePath,
            values: [
                "action": Link.target(redirectURI),
                "fields": fields.map { ["name": $0.name, "value": $0.value] },
            ]
        )
    }
}
