package hunt

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfastdb/holdfast/checker/verdict"
)

// Known are fingerprints of violations that are known, each with where it is from. A run that ends in nothing else is
// counted apart, so that hunting goes on for what is not known yet.
type Known map[string]string

// verdictFile is the name of a verdict in the directory of a run.
const verdictFile = "verdict.json"

// ReadKnown reads known fingerprints: from a verdict.json; from a directory, all verdict.json in and below it; or from a
// text file with a fingerprint on each line, where # begins a comment.
func ReadKnown(path string) (Known, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	known := make(Known)
	switch {
	case info.IsDir():
		err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || d.Name() != verdictFile {
				return err
			}
			return known.addVerdict(name)
		})
	case filepath.Ext(path) == ".json":
		err = known.addVerdict(path)
	default:
		err = known.addList(path)
	}
	if err == nil && len(known) == 0 {
		err = fmt.Errorf("%s names no violation: give a %s, a directory with such, or a text file with a fingerprint on each line", path, verdictFile)
	}
	return known, err
}

func (k Known) addVerdict(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	v, err := verdict.Decode(bufio.NewReader(f))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for i := range v.Violations {
		k[v.Violations[i].Fingerprint] = name
	}
	return nil
}

func (k Known) addList(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return k.readList(f, name)
}

func (k Known) readList(r io.Reader, name string) error {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if !strings.Contains(text, "/") {
			return fmt.Errorf("%s, line %d: %q is no fingerprint: these have the form oracle/aspect", name, n, text)
		}
		k[text] = fmt.Sprintf("%s, line %d", name, n)
	}
	return lines.Err()
}

// covers reports whether all violations of a run are known.
func (k Known) covers(v *verdict.Verdict) bool {
	for i := range v.Violations {
		if _, ok := k[v.Violations[i].Fingerprint]; !ok {
			return false
		}
	}
	return len(v.Violations) > 0
}
