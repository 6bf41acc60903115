#!/bin/sh
# Is this installation of recon able to lose a database and get it back? No network, no configuration, no leftovers.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

recon --version
recon demo --only recover --only backup --dir "$folder/demo" > "$folder/said" || { cat "$folder/said"; exit 1; }
echo "recon works here"
