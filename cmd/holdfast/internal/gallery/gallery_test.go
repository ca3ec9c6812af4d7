package gallery

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// keep makes the directory of a run, kept so many minutes ago.
func keep(t *testing.T, dir, name, outcome string, seed, minutes int) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(path, 0o755))
	put(t, filepath.Join(path, "run.json"), fmt.Sprintf(`{"format":"holdfast-run","version":1,"seed":%d,"outcome":%q}`, seed, outcome))
	put(t, filepath.Join(path, "report.html"), "the report of "+name)
	when := time.Now().Add(-time.Duration(minutes) * time.Minute)
	require.NoError(t, os.Chtimes(filepath.Join(path, "run.json"), when, when))
}

func put(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

// served is a handler over a directory; get asks it as a browser on this machine does, with the path as it is.
func served(t *testing.T, dir string) (get func(path string) (int, string)) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { root.Close() })
	server := httptest.NewServer(Handler(root, dir))
	t.Cleanup(server.Close)
	return func(path string) (int, string) {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		fmt.Fprintf(conn, "GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n", path)
		all, err := io.ReadAll(conn)
		require.NoError(t, err)
		var proto string
		var code int
		_, err = fmt.Sscan(string(all), &proto, &code)
		require.NoError(t, err)
		_, body, _ := strings.Cut(string(all), "\r\n\r\n")
		return code, body
	}
}

// Goal: GALLERY-3, and the list is of use. Method: runs of several ages and verdicts, a broken one, a directory that is none.
func TestRunsAreListedNewestFirst(t *testing.T) {
	dir := t.TempDir()
	keep(t, dir, "seed-1", "pass", 1, 30)
	keep(t, dir, "seed-2", "violation", 2, 10)
	keep(t, dir, "seed-3", "pass", 3, 20)
	keep(t, dir, "br<i>ken", "pass", 4, 40)
	put(t, filepath.Join(dir, "br<i>ken", "run.json"), "{")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "other"), 0o755))
	get := served(t, dir)
	code, page := get("/")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, page, "cannot be read: run.json is not the summary of a run")
	require.NotContains(t, page, "other")
	require.NotContains(t, page, "<i>")
	at := []int{strings.Index(page, "/run/br%3ci%3eken/"), strings.Index(page, "/run/seed-2/"), strings.Index(page, "/run/seed-3/"), strings.Index(page, "/run/seed-1/")}
	require.IsIncreasing(t, at)

	_, page = get("/?verdict=violation")
	require.Contains(t, page, "seed-2")
	require.NotContains(t, page, "seed-1")
	code, page = get("/?verdict=lovely")
	require.Equal(t, http.StatusBadRequest, code)
	require.Contains(t, page, "verdicts are violation")
}

// Goal: a report and the files open. Method: follow the links.
func TestReportsOpen(t *testing.T) {
	dir := t.TempDir()
	keep(t, dir, "seed-1", "pass", 1, 0)
	get := served(t, dir)
	code, page := get("/run/seed-1/report.html")
	require.Equal(t, []any{http.StatusOK, "the report of seed-1"}, []any{code, page})
	_, page = get("/run/seed-1/")
	require.Contains(t, page, "run.json")
	code, page = get("/run/seed-9/")
	require.Equal(t, http.StatusNotFound, code)
	require.Contains(t, page, "there is no run")
	require.NoError(t, os.Remove(filepath.Join(dir, "seed-1", "report.html")))
	code, page = get("/run/seed-1/report.html")
	require.Equal(t, http.StatusNotFound, code)
	require.Contains(t, page, "an older build kept this run")
}

// Goal: live runs are listed next to simulated ones and say what they are. Method: one of each, a live one without a report too.
func TestLiveRunsAreListed(t *testing.T) {
	dir := t.TempDir()
	keep(t, dir, "seed-1", "pass", 1, 0)
	for _, name := range []string{"live-seed-7", "live-seed-8"} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Join(path, "nodes"), 0o755))
		put(t, filepath.Join(path, "live.json"), `{"format":"holdfast-live","version":1,"store":"holdfast","seed":7777,"outcome":"violation","scale":1}`)
	}
	put(t, filepath.Join(dir, "live-seed-7", "report.html"), "live report")
	get := served(t, dir)
	_, page := get("/?verdict=violation")
	require.Contains(t, page, `<a href="/run/live-seed-7/report.html">live-seed-7</a> <span class="dim">(real processes)</span>`)
	require.Contains(t, page, "7777")
	require.Contains(t, page, "all (3)")
	_, page = get("/?verdict=pass")
	require.NotContains(t, page, "real processes")
	_, page = get("/run/live-seed-7/report.html")
	require.Equal(t, "live report", page)
	code, page := get("/run/live-seed-8/report.html")
	require.Equal(t, http.StatusNotFound, code)
	require.Contains(t, page, "holdfast live run --plan")
}

// Goal: GALLERY-1. Method: paths that climb, in all spellings, and links that lead out of the directory; a secret lies there.
func TestNothingOutsideIsRead(t *testing.T) {
	outer := t.TempDir()
	const secret = "the secret"
	put(t, filepath.Join(outer, "secret.txt"), secret)
	put(t, filepath.Join(outer, "run.json"), secret)
	dir := filepath.Join(outer, "runs")
	keep(t, dir, "seed-1", "pass", 1, 0)
	put(t, filepath.Join(dir, "seed-1", ".hidden.txt"), secret)
	require.NoError(t, os.Symlink(filepath.Join(outer, "secret.txt"), filepath.Join(dir, "seed-1", "link.txt")))
	require.NoError(t, os.Symlink("../../secret.txt", filepath.Join(dir, "seed-1", "near.txt")))
	require.NoError(t, os.Symlink(outer, filepath.Join(dir, "out")))
	get := served(t, dir)
	for _, path := range []string{
		"/run/../secret.txt", "/run/seed-1/../../secret.txt", "/run/seed-1/..%2f..%2fsecret.txt", "/run/..%2f/secret.txt", "/run/%2e%2e/secret.txt",
		"/run/seed-1/%2e%2e%2f%2e%2e%2fsecret.txt", "/run/seed-1/..%5c..%5csecret.txt", "/run/seed-1//etc/passwd.txt", "/run//secret.txt",
		"/run/out/secret.txt", "/run/out/", "/run/seed-1/link.txt", "/run/seed-1/near.txt", "/run/seed-1/.hidden.txt", "/run/./secret.txt",
		"/secret.txt", "/../secret.txt", "/run/seed-1/x%00.txt",
	} {
		code, page := get(path)
		require.NotEqual(t, http.StatusOK, code, path)
		require.NotContains(t, page, secret, path)
	}
	for _, path := range []string{"/", "/run/seed-1/"} {
		_, page := get(path)
		require.NotContains(t, page, secret)
		require.NotContains(t, page, "hidden")
	}
}

// Goal: GALLERY-2. Method: names in the Host header.
func TestOnlyThisMachineIsAnswered(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	defer root.Close()
	for host, code := range map[string]int{
		"127.0.0.1:80": 200, "localhost:9": 200, "[::1]:80": 200, "127.0.0.1": 200, "evil.example": 403, "10.0.0.1:80": 403, "": 403, "localhost.evil.example:80": 403,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		Handler(root, "runs").ServeHTTP(w, r)
		require.Equal(t, code, w.Code, host)
	}
}

// Goal: the server stops in order when it is told to. Method: cancel, after a request.
func TestServerStopsWhenItIsTold(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	defer root.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, Handler(root, "runs")) }()
	resp, err := http.Get("http://" + listener.Addr().String() + "/")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.NoError(t, resp.Body.Close())
	cancel()
	require.NoError(t, <-ended)
	_, err = net.Dial("tcp", listener.Addr().String())
	require.Error(t, err)
}
