/// Why a display name was not taken.
package enum ProfileProblem: Hashable, Sendable {
    case unusableName
}

/// The person's profile, and who else is signed in in this browser.
package struct AccountProfilePage: Page {
    /// Somebody else who is signed in in this browser.
    package struct OtherAccount: Sendable {
        package var personName: String
        package var personDetail: String
        package var switchTo: AccountForm

        package init(personName: String, personDetail: String, switchTo: AccountForm) {
            self.personName = personName
            self.personDetail = personDetail
            self.switchTo = switchTo
        }
    }

    /// Whether the e-mail address was proven to be theirs.
    package enum Email: Hashable, Sendable {
        case none
        case verified(String)
        case unverified(String)
    }

    package var frame: AccountFrame
    package var username: String
    package var email: Email
    /// What stands in the field: the name as it is, or as it was just typed.
    package var name: String
    package var problem: ProfileProblem?
    package var rename: AccountForm
    package var others: [OtherAccount]
    package var addAccount: AccountForm

    package init(
        frame: AccountFrame,
        username: String,
        email: Email,
        name: String,
        problem: ProfileProblem? = nil,
        rename: AccountForm,
        others: [OtherAccount],
        addAccount: AccountForm
    ) {
        self.frame = frame
        self.username = username
        self.email = email
        self.name = name
        self.problem = problem
        self.rename = rename
        self.others = others
        self.addAccount = addAccount
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.account
        return frame.page(
            "account-profile",
            title: words.profile,
            problem: problem.map { _ in words.unusableName.filled() },
            texts: texts,
            basePath: basePath,
            values: [
                "username": Visible.text(username, limit: Visible.addressLimit),
                "email": address.map { Visible.text($0, limit: Visible.addressLimit) },
                "emailNote": isUnverified ? words.emailUnverified : nil,
                "name": name,
                "rename": rename.values(frame, basePath: basePath),
                "others": others.map { line($0, words, basePath) },
                "hasOthers": !others.isEmpty,
                "addAccount": addAccount.values(frame, basePath: basePath),
            ]
        )
    }

    private var address: String? {
        switch email {
        case .none: nil
        case .verified(let address), .unverified(let address): address
        }
    }

    private var isUnverified: Bool {
        if case .unverified = email { true } else { false }
    }

    private func line(_ other: OtherAccount, _ words: Texts.Account, _ basePath: String) -> [String: Any] {
        let name = Visible.text(other.personName)
        return [
            "name": name,
            "initial": String(name.prefix(1)).uppercased(),
            "detail": Visible.text(other.personDetail),
            "form": other.switchTo.values(frame, basePath: basePath),
        ]
    }
}
