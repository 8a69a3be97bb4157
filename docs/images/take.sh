#!/bin/sh
# Takes the README's pictures of a report: docs/images/take.sh lakehouse/report.html. Needs chromium.
set -eu
report=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
phone=$(mktemp --suffix=.html)
trap 'rm -f "$phone"' EXIT

shoot() { # picture width height address
  chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars \
    --allow-file-access-from-files --virtual-time-budget=8000 --screenshot="$here/$1" --window-size="$2,$3" "$4" 2>/dev/null
}

# A window of headless chromium is never narrower than 500 pixels, so the phone is a frame inside one.
cat > "$phone" <<PAGE
<body style="margin:0;background:#dfe3e8;display:grid;place-items:center;height:100vh">
<iframe src="file://$report" style="width:390px;height:844px;border:0;border-radius:28px;box-shadow:0 8px 30px #0004"></iframe></body>
PAGE
shoot report.png 1280 1660 "file://$report"
shoot report-phone.png 500 920 "file://$phone"
# The page about creators lies beside the report where briefs were answered or influence was scored.
creators=$(dirname "$report")/creators.html
if [ -f "$creators" ]; then shoot creators.png 1280 1660 "file://$creators"; fi
ls -l "$here"/*.png
