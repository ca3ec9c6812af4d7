package linear

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/anishathalye/porcupine"
)

// WriteVisualization draws each finding as an HTML page of its own in a
// directory, which it creates if need be, and returns the paths. A page shows
// the key's operations up to the one that cannot be explained, and the longest
// orders that the search found. Clients with several operations in flight take
// several rows. The order of the alternatives in a page is not fixed.
func (r *Result) WriteVisualization(dir string) ([]string, error) {
	if len(r.Findings) == 0 {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("linear: cannot make the directory for the pictures: %w", err)
	}
	var paths []string
	for i := range r.Findings {
		f := &r.Findings[i]
		path := filepath.Join(dir, fmt.Sprintf("key-%03d-%s.html", i+1, fileName(f.Key)))
		model, info := f.problem.explain(f.options)
		if err := porcupine.VisualizePath(model, info, path); err != nil {
			return paths, fmt.Errorf("linear: cannot draw key %s: %w", quote(f.Key), err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// fileName makes a short name of a key that every file system takes.
func fileName(key string) string {
	const most = 40
	safe := func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			return c
		}
		return '_'
	}
	return strings.Map(safe, key[:min(len(key), most)])
}
