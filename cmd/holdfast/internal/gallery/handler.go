package gallery

import (
	"bytes"
	_ "embed" // for the page
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/holdfastdb/holdfast/testsuite/run"
)

//go:embed page.html
var pageHTML string

var pages = template.Must(template.New("page").Funcs(template.FuncMap{"bytes": size}).Parse(pageHTML))

// mostRuns is how many runs the list shows.
const mostRuns = 1000

// outcomes are the verdicts to filter by.
var outcomes = []string{"violation", "liveness", "unknown", "vacuous", "pass"}

// listPage is the list of runs.
type listPage struct {
	Dir      string
	Filter   string
	Outcomes []choice
	Runs     []kept
	Total    int
	More     int
}

// choice is a verdict to filter by, with how many runs have it.
type choice struct {
	Outcome string
	Count   int
}

// runPage is the list of a run's files.
type runPage struct {
	Run   kept
	Files []file
}

type file struct {
	Name  string
	Bytes int64
}

// failure is an error for whoever reads the page.
type failure struct{ What, Next string }

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

type handler struct {
	root *os.Root
	dir  string
}

// Handler serves the runs in a directory that was opened. dir is its name for people.
func Handler(root *os.Root, dir string) http.Handler {
	h := &handler{root, dir}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.list)
	mux.HandleFunc("GET /run/{name}/{$}", h.files)
	mux.HandleFunc("GET /run/{name}/{file}", h.file)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "there is no page "+r.URL.Path, "runs are at /run/NAME/")
	})
	return guard(mux)
}

// guard refuses requests that do not name this machine (GALLERY-2), and lets pages load nothing.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-cache")
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'")
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if host = strings.Trim(host, "[]"); host != "localhost" && !net.ParseIP(host).IsLoopback() {
			fail(w, http.StatusForbidden, "this server is for this machine only", "open it as 127.0.0.1 or localhost")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (h *handler) list(w http.ResponseWriter, r *http.Request) {
	runs, err := list(h.root)
	if err != nil {
		fail(w, http.StatusInternalServerError, "cannot list "+h.dir+": "+err.Error(), "see whether the directory is still there")
		return
	}
	p := listPage{Dir: h.dir, Filter: r.URL.Query().Get("verdict"), Total: len(runs)}
	if p.Filter != "" && !slices.Contains(outcomes, p.Filter) {
		fail(w, http.StatusBadRequest, fmt.Sprintf("%q is not a verdict", p.Filter), "verdicts are "+strings.Join(outcomes, ", "))
		return
	}
	for _, o := range outcomes {
		c := choice{Outcome: o}
		for i := range runs {
			if runs[i].Outcome == o {
				c.Count++
			}
		}
		p.Outcomes = append(p.Outcomes, c)
	}
	for _, k := range runs {
		switch {
		case p.Filter != "" && k.Outcome != p.Filter:
		case len(p.Runs) == mostRuns:
			p.More++
		default:
			p.Runs = append(p.Runs, k)
		}
	}
	show(w, http.StatusOK, "list", p)
}

func (h *handler) files(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	var k kept
	found := false
	if safe(name) {
		k, found = look(h.root.FS(), name)
	}
	if !found {
		fail(w, http.StatusNotFound, fmt.Sprintf("there is no run %q", name), "the list has all of them")
		return
	}
	entries, err := fs.ReadDir(h.root.FS(), name)
	if err != nil {
		fail(w, http.StatusInternalServerError, "cannot list the run's files: "+err.Error(), "see whether the directory is still there")
		return
	}
	p := runPage{Run: k}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && safe(e.Name()) {
			p.Files = append(p.Files, file{e.Name(), info.Size()})
		}
	}
	show(w, http.StatusOK, "run", p)
}

// types are the kinds of files that a run has; a browser is given no other.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".json": "application/json", ".jsonl": "text/plain; charset=utf-8", ".txt": "text/plain; charset=utf-8",
}

func (h *handler) file(w http.ResponseWriter, r *http.Request) {
	name, base := r.PathValue("name"), r.PathValue("file")
	kind := types[path.Ext(base)]
	if !safe(name) || !safe(base) || kind == "" {
		fail(w, http.StatusNotFound, fmt.Sprintf("run %q has no file %q", name, base), "the list has all runs")
		return
	}
	f, err := h.root.Open(name + "/" + base) // refuses links that lead out of the directory
	if err != nil {
		next := "the list has all runs"
		if base == run.ReportFile && errors.Is(err, fs.ErrNotExist) {
			next = "an older build kept this run; `holdfast sim replay RUN --keep DIR` makes a report of it"
			if k, ok := look(h.root.FS(), name); ok && k.Live {
				next = "an older build kept this live run, or it was broken off; `holdfast live run --plan RUN/plan.json` plays its plan again"
			}
		}
		fail(w, http.StatusNotFound, fmt.Sprintf("cannot open %s of run %q: %v", base, name, errors.Unwrap(err)), next)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		fail(w, http.StatusNotFound, fmt.Sprintf("%s of run %q is not a file", base, name), "the list has all runs")
		return
	}
	w.Header().Set("Content-Type", kind)
	http.ServeContent(w, r, base, info.ModTime(), f)
}

func fail(w http.ResponseWriter, code int, what, next string) {
	show(w, code, "failure", failure{what, next})
}

// show renders a page before anything of it is sent, so that an error of the page is not half a page.
func show(w http.ResponseWriter, code int, name string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "cannot make the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.Copy(w, &b) // the reader may have gone
}
