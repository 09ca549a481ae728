def pytest_terminal_summary(terminalreporter):
    """The line that Tests/Torture/run.sh reads."""
    def count(*names):
        return sum(len(terminalreporter.stats.get(name, [])) for name in names)

    terminalreporter.write_line(f"{count('passed')} passed, {count('failed', 'error')} failed")
