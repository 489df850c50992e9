# Steps of a script, named as they begin. For `source`.

step_times=()

# Runs a command; says so, and keeps how long it took.
step() {
    local began=$SECONDS status=0
    printf '=== %(%H:%M:%S)T %s\n' -1 "$*"
    "$@" || status=$?
    step_times+=("$(printf '%5d s  %s' $((SECONDS - began)) "$*")")
    ((status == 0)) || printf '=== exit status %d: %s\n' $status "$*" >&2
    return $status
}

# Prints how long each step took.
print_step_times() {
    printf '\n%s\n' "=== $SECONDS s in all"
    printf '%s\n' "${step_times[@]}"
}
