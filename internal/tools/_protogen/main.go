package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

// errStale is the answer of -check when the committed files are not current.
var errStale = errors.New("generated code is not current: run `make generate` and commit the result")

func main() {
	check := flag.Bool("check", false, "write nothing; exit with status 1 when the generated files are not current")
	flag.Parse()
	dirs := flag.Args()
	if len(dirs) == 0 {
		dirs = []string{"kv/kvpb"}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, dirs, *check, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}

// run generates the code of the directories, or compares it when check is set.
func run(ctx context.Context, dirs []string, check bool, log io.Writer) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	want := make(map[string][]byte)
	for _, dir := range dirs {
		files, err := generate(ctx, root, dir)
		if err != nil {
			return err
		}
		maps.Copy(want, files)
	}
	changes, err := diff(root, dirs, want)
	if err != nil {
		return err
	}
	for _, c := range changes {
		fmt.Fprintf(log, "protogen: %s: %s\n", c.path, c.what)
	}
	switch {
	case len(changes) == 0:
		fmt.Fprintf(log, "protogen: %d generated files are current\n", len(want))
		return nil
	case check:
		return errStale
	}
	return write(root, changes)
}

// moduleRoot is the nearest directory at or above the working directory that
// holds tools.mod.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "tools.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no tools.mod at or above %s: run this inside the Holdfast module", start)
		}
	}
}

// change is one step from the files that are there to those that should be.
type change struct {
	path    string // slash-separated, from the module root
	what    string
	content []byte // nil: remove the file
}

// diff compares the wanted files with those on disk, in path order.
func diff(root string, dirs []string, want map[string][]byte) ([]change, error) {
	var changes []change
	for _, path := range slices.Sorted(maps.Keys(want)) {
		have, err := os.ReadFile(filepath.Join(root, path))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			changes = append(changes, change{path, "missing", want[path]})
		case err != nil:
			return nil, err
		case !bytes.Equal(have, want[path]):
			changes = append(changes, change{path, "out of date", want[path]})
		}
	}
	for _, dir := range dirs {
		have, err := list(root, dir, ".pb.go")
		if err != nil {
			return nil, err
		}
		for _, path := range have {
			if _, ok := want[path]; !ok {
				changes = append(changes, change{path, "left over, its .proto is gone", nil})
			}
		}
	}
	return changes, nil
}

// write carries out the changes.
func write(root string, changes []change) error {
	for _, c := range changes {
		path := filepath.Join(root, c.path)
		var err error
		if c.content == nil {
			err = os.Remove(path)
		} else {
			err = os.WriteFile(path, c.content, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// list returns the files of a directory whose names end in suffix, as
// slash-separated paths from the root, in order.
func list(root, dir, suffix string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			paths = append(paths, filepath.ToSlash(filepath.Join(dir, e.Name())))
		}
	}
	return paths, nil
}
