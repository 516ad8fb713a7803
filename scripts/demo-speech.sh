#!/usr/bin/env bash
# demo-speech.sh DIR: synthesises the two-party calls of the demo into DIR, with a manifest.json that
# `callvault demo --speech DIR` reads. The same bytes every time; does nothing when they are there.
. "$(dirname "$0")/lib.sh"

dir=${1:?usage: demo-speech.sh DIR}
calls=scripts/demo/calls.txt
made_from=$(hash_of "$calls" scripts/demo-speech.sh)
if [ "$(cat "$dir/.made-from" 2>/dev/null || true)" = "$made_from" ]; then
  exit 0
fi
say "synthesising the calls of the demo"
mkdir -p "$dir"
rm -f "$dir/.made-from"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# -R: the same dither every time.
sx() {
  sox -R -V1 "$@"
}

# Says one line and leaves a silence of the same length on the other side.
say_line() {
  local number=$1 side=$2 voice=$3 speed=$4 pitch=$5 text=$6 other=C
  [ "$side" = A ] || other=A
  espeak-ng -v "$voice" -s "$speed" -p "$pitch" -w "$tmp/raw.wav" "$text"
  sx "$tmp/raw.wav" -r 8000 -c 1 -b 16 "$tmp/$side.$number.wav" pad 0.5 0.7 gain -n -6
  sx -n -r 8000 -c 1 -b 16 "$tmp/$other.$number.wav" trim 0 "$(soxi -s "$tmp/$side.$number.wav")s"
}

encode() {
  local format=$1 to=$2
  local stereo=$tmp/stereo.wav mono=$tmp/mono.wav
  sx -M "$tmp/A.wav" "$tmp/C.wav" -b 16 "$stereo"
  sx -m -v 0.8 "$tmp/A.wav" -v 0.8 "$tmp/C.wav" -b 16 "$mono"
  case $format in
    pcm-mono) cp "$mono" "$to" ;;
    pcm-stereo) cp "$stereo" "$to" ;;
    ulaw-stereo) sx "$stereo" -e mu-law -b 8 "$to" ;;
    alaw) sx "$mono" -e a-law -b 8 "$to" ;;
    gsm) sx "$mono" -e gsm-full-rate "$to" ;;
    mp3) lame --quiet -b 32 "$stereo" "$to" ;;
    opus) opusenc --quiet --serial 1 --bitrate 24 "$stereo" "$to" ;;
    flac) flac --totally-silent -f -o "$to" "$stereo" ;;
    *) die "unknown format $format" ;;
  esac
}

# Writes the call that was gathered, if any, and its row of the manifest.
finish_call() {
  [ "$line" -gt 0 ] || return 0
  sx "$tmp"/A.[0-9]*.wav "$tmp/A.wav"
  sx "$tmp"/C.[0-9]*.wav "$tmp/C.wav"
  encode "$format" "$dir/$file"
  jq -nc '$ARGS.named | .withheld = (.caller == "withheld") | if .withheld then .caller = "" else . end
      | with_entries(select(.value != ""))' \
    --arg file "$file" --arg class "$class" --arg customer "$customer" --arg direction "$direction" \
    --arg caller "$caller" --arg callee "$callee" --arg agent "$agent" --arg queue "$queue" \
    --arg line "$extension" --argjson days_ago "$days_ago" >>"$tmp/manifest"
  rm -f "$tmp"/*.wav
  line=0
}

line=0
while IFS='|' read -r kind rest; do
  case $kind in
    '' | '#'*) ;;
    call)
      finish_call
      IFS='|' read -r file format class customer direction caller callee agent queue extension \
        days_ago <<<"$rest"
      ;;
    *)
      line=$((line + 1))
      IFS='|' read -r voice speed pitch text <<<"$rest"
      say_line "$(printf %02d $line)" "$kind" "$voice" "$speed" "$pitch" "$text"
      ;;
  esac
done <"$calls"
finish_call
jq -s . "$tmp/manifest" >"$dir/manifest.json"
echo "$made_from" >"$dir/.made-from"
