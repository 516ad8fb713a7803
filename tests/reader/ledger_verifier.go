// Checks a log that callvault exported with what the Go project itself checks modules with:
// golang.org/x/mod/sumdb/note and golang.org/x/mod/sumdb/tlog. It shares no line with the vault.
//
//	ledger_verifier log DIR VKEY [OLD-CHECKPOINT]
//	ledger_verifier proof FILE ENTRY VKEY
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "wrong:", err)
		os.Exit(1)
	}
}

// C2SP names a tile without its height; sumdb's tile/8/L/N is C2SP's tile/L/N.
func tilePath(t tlog.Tile) string {
	path := strings.Replace(t.Path(), "tile/8/", "tile/", 1)
	return strings.Replace(path, "tile/data/", "tile/entries/", 1)
}

type reader struct{ dir string }

func (reader) Height() int { return 8 }

func (r reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		bytes, err := os.ReadFile(filepath.Join(r.dir, tilePath(t)))
		if err != nil {
			return nil, err
		}
		all = append(all, bytes)
	}
	return all, nil
}

func (reader) SaveTiles([]tlog.Tile, [][]byte) {}

func open(text []byte, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open(text, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		must(fmt.Errorf("the checkpoint is of %q", lines[0]))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	hash, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: hash}
}

func rebuild(dir string, size int64) tlog.Hash {
	stored := map[int64]tlog.Hash{}
	hashes := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		all := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			all[i] = stored[index]
		}
		return all, nil
	})
	for n := int64(0); n < size; {
		width := min(size-n, 256)
		bytes, err := os.ReadFile(filepath.Join(dir, tilePath(tlog.Tile{H: 8, L: -1, N: n / 256, W: int(width)})))
		must(err)
		for i := int64(0); i < width; i++ {
			if len(bytes) < 2 || len(bytes) < 2+int(binary.BigEndian.Uint16(bytes)) {
				must(fmt.Errorf("entry %d is cut", n))
			}
			end := 2 + int(binary.BigEndian.Uint16(bytes))
			added, err := tlog.StoredHashes(n, bytes[2:end], hashes)
			must(err)
			for j, hash := range added {
				stored[tlog.StoredHashIndex(0, n)+int64(j)] = hash
			}
			bytes = bytes[end:]
			n++
		}
	}
	root, err := tlog.TreeHash(size, hashes)
	must(err)
	return root
}

func log(dir, vkey string, old []byte) {
	verifier, err := note.NewVerifier(vkey)
	must(err)
	text, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	must(err)
	tree := open(text, verifier)
	if rebuild(dir, tree.N) != tree.Hash {
		must(fmt.Errorf("the entries do not make the root"))
	}
	tiles := tlog.TileHashReader(tree, reader{dir})
	root, err := tlog.TreeHash(tree.N, tiles)
	must(err)
	if root != tree.Hash {
		must(fmt.Errorf("the tiles do not make the root"))
	}
	if old != nil {
		before := open(old, verifier)
		proof, err := tlog.ProveTree(tree.N, before.N, tiles)
		must(err)
		must(tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash))
	}
}

func proof(text, entry []byte, vkey string) {
	verifier, err := note.NewVerifier(vkey)
	must(err)
	head, checkpoint, _ := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		must(fmt.Errorf("this is no proof"))
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	must(err)
	var hashes tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		must(err)
		hashes = append(hashes, tlog.Hash(hash))
	}
	tree := open([]byte(checkpoint), verifier)
	must(tlog.CheckRecord(hashes, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
}

func main() {
	read := func(path string) []byte {
		bytes, err := os.ReadFile(path)
		must(err)
		return bytes
	}
	switch args := os.Args[1:]; {
	case len(args) == 3 && args[0] == "log":
		log(args[1], args[2], nil)
	case len(args) == 4 && args[0] == "log":
		log(args[1], args[2], read(args[3]))
	case len(args) == 4 && args[0] == "proof":
		proof(read(args[1]), read(args[2]), args[3])
	default:
		must(fmt.Errorf("usage: log DIR VKEY [OLD-CHECKPOINT] | proof FILE ENTRY VKEY"))
	}
}
