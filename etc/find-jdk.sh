# Sourced by the launcher and the build: find_jdk prints the home of a JDK of at least MIN_JDK, or one line that says what to do.
MIN_JDK=25

jdk_major() { # the major version that a JDK's release file names; 0 if it is no JDK
  local line
  [[ -x "$1/bin/java" && -r "$1/release" ]] || { echo 0; return; }
  line="$(grep -m1 '^JAVA_VERSION=' "$1/release" || true)"
  line="${line#*\"}"
  line="${line%%[.\"+-]*}"
  [[ "$line" =~ ^[0-9]+$ ]] && echo "$line" || echo 0
}

find_jdk() {
  local candidate on_path
  on_path="$(command -v java || true)"
  [[ -n "$on_path" ]] && on_path="$(dirname "$(dirname "$(readlink -f "$on_path")")")"
  for candidate in "${SUPERWEIGHT_JAVA_HOME:-}" "${JAVA_HOME:-}" "$on_path" \
      /usr/lib/jvm/*25* /usr/lib/jvm/* /opt/java/* /opt/jdk* "${HOME:-}"/.sdkman/candidates/java/* "${HOME:-}"/.jdks/* \
      /Library/Java/JavaVirtualMachines/*/Contents/Home; do
    if [[ -n "$candidate" && "$(jdk_major "$candidate")" -ge "$MIN_JDK" ]]; then
      echo "$candidate"
      return 0
    fi
  done
  echo "superweight: no JDK $MIN_JDK or newer found; install one (for example Temurin 25) or set JAVA_HOME to it" >&2
  return 1
}
