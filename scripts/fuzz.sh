#!/usr/bin/env bash
# Fuzzes what reads strangers' bytes, with libFuzzer: scripts/fuzz.sh [SECONDS [TARGET…]]; see Fuzz/README.md.
# The seconds are shared among the targets. KEEP=yes puts what was found, minimised, into Fuzz/Corpus.
# Exit code 1 says that an input broke a promise; it lies in Fuzz/.build/findings.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
source scripts/setup.sh
prepare_build
install_python

flags=(--package-path Fuzz -c release --product FuzzJOSE -Xswiftc -sanitize=fuzzer)
if [ "$(uname -s)" = Linux ]; then
    # gold, which Swift links with otherwise, dies of the coverage tables.
    flags+=(-Xswiftc -use-ld=lld)
fi
if [ "${FUZZ_BUILD:-yes}" = yes ]; then
    say "swift build ${flags[*]}"
    swift build "${flags[@]}"
fi
fuzzer=$(swift build "${flags[@]}" --show-bin-path)/FuzzJOSE

seconds=${1:-600}
targets=("${@:2}")
if [ "${#targets[@]}" -eq 0 ]; then read -r -a targets <<<"$("$fuzzer" targets | tr "\n" " ")"; fi
share=$((seconds / ${#targets[@]}))
work=Fuzz/.build/fuzz
findings=Fuzz/.build/findings
mkdir -p "$work" "$findings"
python3 Fuzz/seeds.py "$work/seeds" >/dev/null

# The longest input: a token may be longer, but nothing new is in its length.
limits=(-max_len=4096 -timeout=10 -rss_limit_mb=2048)
# Swift's own backtraces would come before libFuzzer, which keeps the input.
export SWIFT_BACKTRACE=enable=no
broken=0
rows=()
for target in "${targets[@]}"; do
    mkdir -p "$work/corpus/$target" "$work/seeds/$target" "Fuzz/Corpus/$target"
    places=("$work/corpus/$target" "Fuzz/Corpus/$target" "$work/seeds/$target")
    say "$target for $share s"
    code=0
    export FUZZ_TARGET=$target
    nice -n 10 "$fuzzer" "${limits[@]}" -max_total_time="$share" -dict=Fuzz/jose.dict -print_final_stats=1 \
        -artifact_prefix="$findings/$target-" "${places[@]}" >"$work/$target.log" 2>&1 || code=$?
    if [ "$code" -ne 0 ]; then
        broken=$((broken + 1))
        grep -aE 'Fatal error|ERROR|Test unit written' "$work/$target.log" | head -n 5 || true
    fi
    last=$(grep -aE '^#[0-9]+.*cov: ' "$work/$target.log" | tail -n 1 || true)
    first=$(grep -aE '^#[0-9]+.*INITED cov: ' "$work/$target.log" | head -n 1 || true)
    number() { sed -n "s/.*$1: *\([0-9]*\).*/\1/p" <<<"$2"; }
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$target.log")
    rows+=("| $target | ${executed:-0} | $(number cov "$first") | $(number cov "$last") | $(number ft "$last") | $code |")
    if [ "${KEEP:-no}" = yes ]; then
        rm -rf "$work/kept"
        mkdir -p "$work/kept"
        # One input for each edge, not for each count of how often it is taken: small enough to be replayed in a moment.
        "$fuzzer" "${limits[@]}" -set_cover_merge=1 -use_counters=0 "$work/kept" "${places[@]}" >"$work/$target.merge.log" 2>&1
        if [ -z "$(ls "$work/kept")" ]; then fail "libFuzzer kept nothing: see $work/$target.merge.log"; fi
        rm -rf "Fuzz/Corpus/$target"
        mv "$work/kept" "Fuzz/Corpus/$target"
    fi
done

echo
echo "| target | executions | edges at first | edges at last | features | exit code |"
echo "|---|---|---|---|---|---|"
printf '%s\n' "${rows[@]}"
echo
echo "$broken of ${#targets[@]} targets broke a promise; the corpus has $(find Fuzz/Corpus -type f | wc -l) inputs"
[ "$broken" -eq 0 ]
