package holdfast_test

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// deterministicDirs hold code that runs inside the simulation on one thread:
// the packages that decide, the log they share, the rules of the data directory, and
// the simulated world itself.
var deterministicDirs = slices.Concat(pureDirs, []string{"kv/wal", "kv/datadir", "netsim"})

// harmless names what may be used of packages that also reach clocks, global
// randomness or the machine.
var harmless = map[string][]string{
	"time": {
		"Duration", "Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour", "ParseDuration",
	},
	"math/rand/v2": {"Rand", "New", "Source", "PCG", "NewPCG", "ChaCha8", "NewChaCha8", "Zipf", "NewZipf"},
	"math/rand":    {},
	"crypto/rand":  {},
	"hash/maphash": {},
	"os": {
		"FileInfo", "FileMode", "ModeDir", "ModePerm", "PathError", "LinkError", "SyscallError",
		"ErrClosed", "ErrExist", "ErrInvalid", "ErrNotExist", "ErrPermission",
		"IsExist", "IsNotExist", "IsPermission", "PathSeparator",
	},
	"net":           {},
	"runtime":       {},
	"path/filepath": {"Join", "Base", "Dir", "Ext", "Clean"},
}

// harmful names what may not be used of packages that are harmless otherwise.
var harmful = map[string][]string{
	vfsPath: {"Default"},
	"fmt":   {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
}

// reachesOut tells whether a name of a package reads the world or writes to it.
// The simulated disk also speaks of points in time: fs.FileInfo has one.
func reachesOut(dir, imp, name string) bool {
	if imp == "time" && within(dir, "netsim") && slices.Contains([]string{"Time", "Unix", "UTC"}, name) {
		return false
	}
	if names, ok := harmless[imp]; ok {
		return !slices.Contains(names, name)
	}
	return slices.Contains(harmful[imp], name)
}

var purityRules = []rule{
	{
		name:   "no-hidden-inputs",
		reason: "the same inputs give the same outputs, byte for byte (DESIGN §1.1, §8): a clock, a global generator or the machine's state is an input nobody can replay",
		remedy: "take time as env.Instant or env.Clock, randomness as env.Rand or a seeded *rand.Rand, files as env.FS",
		check:  inDeterministic(hiddenInputs),
	},
	{
		name:   "no-goroutines",
		reason: "decisions are single-threaded (DESIGN §1.1): the scheduler's choices cannot be replayed",
		remedy: "hand work to env.Executor as a Job, and take its result in Done; goroutines live in the shells",
		check:  inDeterministic(concurrency),
	},
}

// inDeterministic limits a check to the non-test files of deterministicDirs.
// Tests there may use real files and several goroutines.
func inDeterministic(check func(source) []finding) func(source) []finding {
	return func(s source) []finding {
		if s.test || !within(s.dir, deterministicDirs...) {
			return nil
		}
		return check(s)
	}
}

// hiddenInputs finds uses of what reaches out.
func hiddenInputs(s source) []finding {
	var out []finding
	local := make(map[string]string) // name in this file -> import path
	for _, spec := range s.file.Imports {
		imp := importPath(spec)
		if harmless[imp] == nil && harmful[imp] == nil {
			continue
		}
		name := localName(spec, imp)
		if name == "." {
			out = append(out, s.found(spec.Pos(), "imports %q with a dot, which hides what is used of it", imp))
		}
		local[name] = imp
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok {
			if imp, ok := local[id.Name]; ok && reachesOut(s.dir, imp, sel.Sel.Name) {
				out = append(out, s.found(sel.Pos(), "uses %s.%s of %q", id.Name, sel.Sel.Name, imp))
			}
		}
		return true
	})
	return out
}

// localName is the name an import has in its file: its last element, leaving
// out a major version.
func localName(spec *ast.ImportSpec, imp string) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	if last := path.Base(imp); !isVersion(last) {
		return last
	}
	return path.Base(path.Dir(imp))
}

func isVersion(element string) bool {
	digits, ok := strings.CutPrefix(element, "v")
	_, err := strconv.Atoi(digits)
	return ok && err == nil
}

// concurrency finds go statements, select statements and everything about channels.
func concurrency(s source) []finding {
	var out []finding
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			out = append(out, s.found(n.Pos(), "starts a goroutine"))
		case *ast.SelectStmt:
			out = append(out, s.found(n.Pos(), "has a select statement"))
		case *ast.ChanType:
			out = append(out, s.found(n.Pos(), "has a channel type"))
		case *ast.SendStmt:
			out = append(out, s.found(n.Pos(), "sends on a channel"))
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				out = append(out, s.found(n.Pos(), "receives from a channel"))
			}
		}
		return true
	})
	return out
}

// Goal: packages that decide, and the simulated world, are deterministic (TREE-2).
// Method: walk the syntax of each of their files and look for anything that
// reads the world or leaves the thread.
func TestDecisionsReadNoClockAndStartNoGoroutine(t *testing.T) {
	tree := loadTree(t)
	for _, r := range purityRules {
		t.Run(r.name, func(t *testing.T) { requireKept(t, r, breaches(r, tree)) })
	}
}

// Goal: no purity rule is a no-op, and none objects to what is wanted.
// Method: for each rule, bodies that break it and no other, in packages it
// covers; and harmless ones, and the same in a shell.
func TestPurityRulesObjectToWhatTheyForbidAndNothingElse(t *testing.T) {
	requireRulesBite(t, purityRules, map[string][]fakeFile{
		"no-hidden-inputs": {
			using("raft/core.go", `"time"`, "_ = time.Now()"),
			using("raft/core.go", `clock "time"`, "clock.Sleep(1)"),
			using("kv/node/node.go", `"time"`, "_ = time.NewTimer"),
			using("kv/wal/wal.go", `"time"`, "_ = time.Since"),
			using("hashing/ring.go", `"math/rand/v2"`, "_ = rand.IntN(3)"),
			using("hashing/ring.go", `. "math/rand/v2"`, "_ = IntN(3)"),
			using("netsim/world.go", `"math/rand"`, "_ = rand.New"),
			using("kv/machine/apply.go", `"hash/maphash"`, "_ = maphash.MakeSeed()"),
			using("kv/wal/wal.go", `"os"`, `_, _ = os.Open("x")`),
			using("kv/wal/wal.go", `"time"`, "var _ time.Time"),
			using("netsim/disk.go", `"time"`, "_ = time.Now()"),
			using("netsim/net.go", `"net"`, "_ = net.Dial"),
			using("kv/wal/wal.go", `"`+vfsPath+`"`, "_ = vfs.Default"),
			using("kv/machine/apply.go", `"fmt"`, "fmt.Println()"),
		},
		"no-goroutines": {
			using("raft/core.go", "", "go func() {}()"),
			using("kv/replica/replica.go", "", "select {}"),
			using("kv/wal/wal.go", "", "var c chan int; _ = c"),
			using("netsim/world.go", "", "c <- 1"),
			using("netsim/world.go", "", "<-c"),
		},
	}, []fakeFile{
		using("raft/core.go", `"time"`, "_ = 3 * time.Millisecond"),
		using("hashing/ring.go", `"math/rand/v2"`, "_ = rand.New(rand.NewPCG(1, 2)).IntN(3)"),
		using("kv/machine/apply.go", `"fmt"`, "_ = fmt.Sprint()"),
		using("netsim/disk.go", `"time"`, "_ = time.Unix(0, 0)"),
		using("netsim/disk.go", `"os"`, "_ = os.ErrNotExist"),
		using("netsim/disk.go", `"`+vfsPath+`"`, "var _ vfs.FS"),
		using("kv/osio/loop.go", `"time"`, "go func() { _ = time.Now() }()"),
		using("raft/core_test.go", `"time"`, "go func() { _ = time.Now() }()"),
	})
}

func using(name, imp, body string) fakeFile {
	if imp != "" {
		imp = "import " + imp + "\n"
	}
	return fakeFile{name, "package p\n" + imp + "func f() { " + body + " }\n"}
}
