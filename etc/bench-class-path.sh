# Sourced by the scripts that run classes of bench, with $here set: builds what is out of date, sets JAVA_HOME and class_path.
source "$here/etc/find-jdk.sh"
JAVA_HOME="$(find_jdk)" || exit 3
export JAVA_HOME
built="$here/bench/target/class-path"
if [[ ! -f "$built" || -n "$(find "$here/pom.xml" "$here"/{core,onednn,cuda,models/books-12m,bench}/{pom.xml,src/main} -newer "$built" -print -quit)" ]]; then
  "$here/build" -q -pl bench -am process-classes >&2 || exit 1
  touch -c "$built"
fi
class_path="$here/bench/target/classes:$(<"$built")"
