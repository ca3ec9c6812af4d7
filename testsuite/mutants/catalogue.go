package mutants

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed catalogue/*.yaml
var catalogue embed.FS

// Mutant is one planted bug.
type Mutant struct {
	// ID is the bug's name in the catalogue of real bugs, such as "ELEC-01".
	ID    string `yaml:"id"`
	Title string `yaml:"title"`
	// Source says which real system had it.
	Source string `yaml:"source"`
	// Oracles are the fingerprints, or their beginnings, that count as finding it.
	Oracles []string `yaml:"oracles"`
	// Quick mutants are hunted by CI.
	Quick bool `yaml:"quick"`
	// Seeds is how many seeds may be needed; 0 means DefaultSeeds.
	Seeds uint64 `yaml:"seeds"`
	// Sharded mutants are hunted in clusters with partitions.
	Sharded bool `yaml:"sharded"`
	// Directed, if set, is the test that finds the mutant, because random search does
	// not reach it within reason.
	Directed Directed `yaml:"directed"`
	Edits    []Edit   `yaml:"edits"`
}

// Directed names one test: `go test -run Run Package`.
type Directed struct {
	Package string `yaml:"package"`
	Run     string `yaml:"run"`
}

// DefaultSeeds is the budget of a mutant that names none.
const DefaultSeeds = 2000

// Edit replaces Old, which must occur exactly once, by New in File.
type Edit struct {
	File string `yaml:"file"`
	Old  string `yaml:"old"`
	New  string `yaml:"new"`
}

// All returns the catalogue in the order of the file names.
func All() ([]Mutant, error) {
	files, err := catalogue.ReadDir("catalogue")
	if err != nil {
		return nil, err
	}
	var all []Mutant
	for _, f := range files {
		b, err := catalogue.ReadFile("catalogue/" + f.Name())
		if err != nil {
			return nil, err
		}
		d := yaml.NewDecoder(bytes.NewReader(b))
		d.KnownFields(true)
		var m Mutant
		if err := d.Decode(&m); err != nil {
			return nil, fmt.Errorf("catalogue/%s: %w", f.Name(), err)
		}
		if m.ID+".yaml" != f.Name() {
			return nil, fmt.Errorf("catalogue/%s: its id is %q", f.Name(), m.ID)
		}
		if (len(m.Oracles) == 0) == (m.Directed.Run == "") {
			return nil, fmt.Errorf("catalogue/%s: either oracles or a directed test find it", f.Name())
		}
		if m.Sharded && m.Directed.Run != "" {
			return nil, fmt.Errorf("catalogue/%s: a directed test has no seeds, with partitions or without", f.Name())
		}
		if len(m.Edits) == 0 || m.Title == "" || m.Source == "" {
			return nil, fmt.Errorf("catalogue/%s: title, source and edits are needed", f.Name())
		}
		if m.Seeds == 0 {
			m.Seeds = DefaultSeeds
		}
		all = append(all, m)
	}
	return all, nil
}

// Apply returns the mutated files by their path, for a source tree at root (MUT-1).
func (m *Mutant) Apply(root string) (map[string][]byte, error) {
	out := make(map[string][]byte)
	for i, e := range m.Edits {
		path := filepath.Join(root, filepath.FromSlash(e.File))
		text, ok := out[path]
		if !ok {
			var err error
			if text, err = os.ReadFile(path); err != nil {
				return nil, fmt.Errorf("mutant %s, edit %d: %w", m.ID, i+1, err)
			}
		}
		if n := strings.Count(string(text), e.Old); n != 1 {
			return nil, fmt.Errorf("mutant %s, edit %d: its old text occurs %d times in %s, it must occur once: "+
				"the code has changed, so change the mutant with it", m.ID, i+1, n, e.File)
		}
		out[path] = bytes.Replace(text, []byte(e.Old), []byte(e.New), 1)
	}
	return out, nil
}

// Names reports whether a fingerprint is one that the mutant names.
func (m *Mutant) Names(fingerprint string) bool {
	for _, o := range m.Oracles {
		if strings.HasPrefix(fingerprint, o) {
			return true
		}
	}
	return false
}
