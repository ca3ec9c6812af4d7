package gallery

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/testsuite/run"
)

// summaryFiles are what makes a directory a run: a simulated one or a live one.
var summaryFiles = []string{"run.json", run.LiveFile}

// kept is one run in the list.
type kept struct {
	Name    string
	Seed    uint64
	Outcome string
	Date    time.Time
	Bytes   int64
	Report  bool
	Live    bool // real processes, not the simulation
	// Broken says why the run cannot be read, "" if it can.
	Broken string
}

// list finds the runs in a directory, newest first.
func list(root *os.Root) ([]kept, error) {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var runs []kept
	for _, e := range entries {
		if !e.IsDir() || !safe(e.Name()) {
			continue
		}
		if k, ok := look(root.FS(), e.Name()); ok {
			runs = append(runs, k)
		}
	}
	slices.SortFunc(runs, func(a, b kept) int { return cmp.Or(b.Date.Compare(a.Date), cmp.Compare(a.Name, b.Name)) })
	return runs, nil
}

// look reads what the list says of a run; false if the directory is none (GALLERY-3).
func look(files fs.FS, name string) (kept, bool) {
	k := kept{Name: name}
	info, file, err := summaryOf(files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return k, false
	}
	if err != nil {
		k.Broken = err.Error()
		return k, true
	}
	k.Date, k.Live = info.ModTime(), file == run.LiveFile
	entries, err := fs.ReadDir(files, name)
	if err != nil {
		k.Broken = err.Error()
		return k, true
	}
	for _, e := range entries {
		if i, err := e.Info(); err == nil && i.Mode().IsRegular() {
			k.Bytes += i.Size()
			k.Report = k.Report || e.Name() == run.ReportFile
		}
	}
	s, err := summary(files, name, file)
	if err != nil {
		k.Broken = err.Error()
	}
	k.Seed, k.Outcome = s.Seed, s.Outcome
	return k, true
}

// summaryOf finds the summary of a run.
func summaryOf(files fs.FS, name string) (info fs.FileInfo, file string, err error) {
	for _, file = range summaryFiles {
		if info, err = fs.Stat(files, name+"/"+file); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return info, file, err
}

// summary reads what both kinds of summaries have.
func summary(files fs.FS, name, file string) (run.Summary, error) {
	const most = 64 << 10 // bytes: a summary has some hundred
	var s run.Summary
	f, err := files.Open(name + "/" + file)
	if err != nil {
		return s, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return run.Summary{}, fmt.Errorf("%s is not the summary of a run: %w", file, err)
	}
	return s, nil
}

// safe reports whether a part of a path names something in a directory, and nothing hidden (GALLERY-1).
func safe(name string) bool {
	return name != "" && !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, "/\\\x00:") && fs.ValidPath(name)
}
