#!/usr/bin/env bash
# demo-speech.sh DIR: speaks the calls of the demo with espeak-ng, two parties each, in the formats
# that PBXs send, and writes manifest.json beside them. Does nothing when they are there.
set -euo pipefail

out=${1:?usage: demo-speech.sh DIR}
[ -f "$out/manifest.json" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# call NAME: reads lines "A|voice|text" or "C|voice|text"; leaves $work/NAME.wav, agent left, caller
# right, 8 kHz.
call() {
  local name=$1 number=0 who voice text agent=() caller=()
  while IFS='|' read -r who voice text; do
    local said=$work/$name.$number.wav silence=$work/$name.$number.s.wav
    espeak-ng -v "$voice" -s 160 -w "$work/raw.wav" "$text"
    sox "$work/raw.wav" -r 8000 -c 1 -b 16 "$said" pad 0.2 0.3 gain -n -6
    sox -n -r 8000 -c 1 -b 16 "$silence" trim 0 "$(soxi -s "$said")s"
    if [ "$who" = A ]; then agent+=("$said"); caller+=("$silence")
    else agent+=("$silence"); caller+=("$said"); fi
    number=$((number + 1))
  done
  sox "${agent[@]}" "$work/$name.agent.wav"
  sox "${caller[@]}" "$work/$name.caller.wav"
  sox -M "$work/$name.agent.wav" "$work/$name.caller.wav" "$work/$name.wav"
}

call parcel <<'EOF'
A|nl|Goedemiddag, helpdesk, u spreekt met Willem.
C|nl+f3|Goedemiddag. Mijn telefoon doet het niet meer sinds vanochtend.
A|nl|Wat vervelend. Staat het lampje op het toestel aan?
C|nl+f3|Ja, maar het knippert rood.
A|nl|Dan starten we het samen opnieuw op. Blijft u even aan de lijn.
C|nl+f3|Nu is het groen. Hartelijk dank!
EOF
call english <<'EOF'
A|en-us+m3|Good morning, helpdesk, this is Fleur speaking.
C|en-gb+f4|Good morning. I would like to move my number to another office.
A|en-us+m3|Of course. From which date should the number ring there?
C|en-gb+f4|From the first of next month, please.
A|en-us+m3|I have noted it. You will receive a confirmation today.
EOF
call agreement <<'EOF'
C|nl+m4|Ik bel over de offerte voor twintig toestellen.
A|nl+f2|Die heb ik voor mij. We spraken af: vijftien euro per toestel per maand.
C|nl+m4|Akkoord. Gaat u maar door.
A|nl+f2|Dan leg ik het zo vast. Dank u wel.
EOF
call bakery <<'EOF'
A|nl+m2|Bakkerij De Korenaar, goedemorgen.
C|nl+f3|Goedemorgen, ik wil graag drie broden bestellen voor zaterdag.
A|nl+m2|Wit of volkoren?
C|nl+f3|Volkoren graag, gesneden.
EOF
call advice <<'EOF'
A|nl|Financieel Advies Zuid, waarmee kan ik u helpen?
C|nl+f2|Ik wil vijfduizend euro in het indexfonds beleggen.
A|nl|Ik lees u eerst de voorwaarden voor, daarna bevestigt u de opdracht.
EOF

cd "$work"
sox parcel.wav -e mu-law -b 8 "$out/parcel.ulaw.wav"
sox english.wav -c 1 -e gsm-full-rate "$out/english.WAV"
lame --quiet -b 32 agreement.wav "$out/agreement.mp3"
opusenc --quiet --bitrate 24 parcel.wav "$out/withheld.opus"
sox english.wav -e a-law -b 8 "$out/old.alaw.wav"
sox bakery.wav "$out/bakery.wav"
flac --silent -f -o "$out/advice.flac" advice.wav
cat > "$out/manifest.json.new" <<'EOF'
[
 {"file":"parcel.ulaw.wav","class":"support","direction":"inbound","caller":"020 123 4567","callee":"088 123 4567","agent":"willem","queue":"helpdesk","line":"301","days_ago":1},
 {"file":"english.WAV","class":"support","direction":"inbound","caller":"+44 20 7946 0123","callee":"088 123 4567","agent":"fleur","queue":"helpdesk","line":"302","days_ago":9},
 {"file":"agreement.mp3","class":"support","direction":"inbound","caller":"+31 6 12345678","callee":"088 123 4567","agent":"fleur","queue":"verkoop","line":"302","days_ago":40},
 {"file":"withheld.opus","class":"support","direction":"inbound","callee":"088 123 4567","agent":"willem","queue":"helpdesk","line":"301","withheld":true,"days_ago":3},
 {"file":"old.alaw.wav","class":"support","direction":"inbound","caller":"010 123 4567","callee":"088 123 4567","agent":"willem","queue":"helpdesk","line":"301","days_ago":90},
 {"file":"bakery.wav","class":"customer","customer":"bakkerij","direction":"inbound","caller":"06 1234 5678","callee":"030 123 4567","line":"201","days_ago":2},
 {"file":"advice.flac","class":"customer","customer":"adviseur","direction":"inbound","caller":"06 8765 4321","callee":"043 123 4567","line":"11","days_ago":5}
]
EOF
mv "$out/manifest.json.new" "$out/manifest.json"
