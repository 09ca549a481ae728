import OAuthVocabulary

/// One row of the pipeline: a check at its place in the order.
package struct PipelineRow: Sendable {
    /// The endpoints that have an authorization request to check.
    package enum Column: Hashable, Sendable { case authorization, device }

    /// Where an error of a row goes.
    package enum Errors: Hashable, Sendable {
        /// To the person, on a page of ours: the redirect URI is not proven yet.
        case shown
        /// To the client: by its proven redirect URI or, at the device's endpoint, as the answer to its own request.
        case redirected
    }

    package typealias Check = @Sendable (AuthorizationContext, inout AuthorizationDraft) throws(OAuthError) -> Void

    package let name: String
    /// Where the rule is written.
    package let source: String
    package let columns: Set<Column>
    package let errors: Errors
    package let check: Check
}

/// The checks of an authorization request.
///
/// Their order is security: nothing above the redirect URI may send the browser anywhere.
package enum Pipeline {
    // One line a row, in columns.
    // swift-format-ignore
    package static let rows: [PipelineRow] = [
        // check               written in                    endpoints         errors       decided by
        row("client",              "RFC 6749 §4.1.2.1",          [.authorization], .shown,      ClientCheck.run),
        row("redirect URI",        "RFC 9700 §2.1",              [.authorization], .shown,      RedirectURICheck.run),
        // The redirect URI is proven: from here on an error goes to the client.
        row("state",               "RFC 6749 §4.1.1",            [.authorization], .redirected, StateCheck.run),
        row("response mode",       "Form Post Response Mode",    [.authorization], .redirected, ResponseModeCheck.run),
        row("response type",       "RFC 6749 §3.1.1",            [.authorization], .redirected, ResponseTypeCheck.run),
        row("grant of the client", "RFC 6749 §4.1.2.1",          [.authorization], .redirected, ClientGrantCheck.run),
        row("device grant",        "RFC 8628 §3.1",              [.device],        .redirected, DeviceGrantCheck.run),
        row("request objects",     "OIDC Core §6",               both,             .redirected, RequestObjectCheck.run),
        row("PKCE",                "RFC 7636 §4.3",              [.authorization], .redirected, PKCECheck.run),
        row("scope and resource",  "RFC 6749 §3.3, RFC 8707 §2", both,             .redirected, AccessCheck.run),
        row("nonce",               "OIDC Core §3.1.2.1",         [.authorization], .redirected, NonceCheck.run),
        row("login_hint",          "OIDC Core §3.1.2.1",         [.authorization], .redirected, LoginHintCheck.run),
        row("prompt",              "OIDC Core §3.1.2.1",         [.authorization], .redirected, PromptCheck.run),
        row("max_age",             "OIDC Core §3.1.2.1",         [.authorization], .redirected, MaximumAgeCheck.run),
        row("id_token_hint",       "OIDC Core §3.1.2.2",         [.authorization], .redirected, IDTokenHintCheck.run),
        row("ui_locales",          "OIDC Core §3.1.2.1",         [.authorization], .redirected, UILocalesCheck.run),
    ]

    private static let both: Set<PipelineRow.Column> = [.authorization, .device]

    private static func row(
        _ name: String,
        _ source: String,
        _ columns: Set<PipelineRow.Column>,
        _ errors: PipelineRow.Errors,
        _ check: @escaping PipelineRow.Check
    ) -> PipelineRow {
        PipelineRow(name: name, source: source, columns: columns, errors: errors, check: check)
    }

    /// What came of the checks.
    package enum Verdict: Sendable {
        case accepted(AuthorizationRequest)
        /// `reply` says where the error may go; without it a person reads it here.
        case refused(OAuthError, reply: AuthorizationReply?)
    }

    /// Runs the rows of a column in their order, up to the first that does not hold.
    package static func run(_ column: PipelineRow.Column, _ context: AuthorizationContext) -> Verdict {
        var draft = AuthorizationDraft()
        if let fault = check(column, context, &draft) {
            return .refused(fault.error, reply: fault.row.errors == .redirected ? draft.reply : nil)
        }
        guard let request = AuthorizationRequest(draft) else {
            return .refused(.internalFault("the pipeline has no row for client, redirect URI or scope"), reply: nil)
        }
        return .accepted(request)
    }

    /// The first row of a column that does not hold; `nil` if all hold, and the draft has what they established.
    package static func check(
        _ column: PipelineRow.Column,
        _ context: AuthorizationContext,
        _ draft: inout AuthorizationDraft
    ) -> (row: PipelineRow, error: OAuthError)? {
        for row in rows where row.columns.contains(column) {
            do throws(OAuthError) {
                try row.check(context, &draft)
            } catch {
                return (row, error)
            }
        }
        return nil
    }
}
