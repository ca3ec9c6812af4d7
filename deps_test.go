package holdfast_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	vfsPath      = "github.com/cockroachdb/pebble/v2/vfs"
	pebblePath   = "github.com/cockroachdb/pebble"
	grpcPath     = "google.golang.org/grpc"
	protobufPath = "google.golang.org/protobuf"
	xxhashPath   = "github.com/cespare/xxhash/v2"
)

// pureDirs are the packages that decide, with all below them.
var pureDirs = []string{
	"raft", "hashing", "kv/machine", "kv/env", "kv/replica", "kv/transfer", "kv/node", "kv/placement", "kv/client/core",
}

// pureStd is the part of the standard library that pure packages may import.
// Purity also restricts what they use of time and math/rand/v2 (purity_test.go).
var pureStd = []string{
	"bytes", "cmp", "container/heap", "container/list", "encoding/binary", "encoding/hex", "errors", "fmt",
	"hash", "hash/crc32", "io", "iter", "maps", "math", "math/bits", "math/rand/v2", "slices", "sort",
	"strconv", "strings", "time", "unicode/utf8",
}

// pureSeams are imports a pure package may have beyond other pure packages,
// by directory, each with why it is harmless there.
var pureSeams = map[string][]string{
	// The file seam is Pebble's interface; kv/env gives it a name and no more.
	"kv/env": {vfsPath},
	// The golden scripts are written in datadriven's format.
	"raft/rafttest": {"github.com/cockroachdb/datadriven"},
	// The log touches the world through env.FS and env.Executor only, and is held
	// to the same ban on clocks and goroutines.
	"kv/replica": {modulePath + "/kv/wal"},
	// Messages between nodes and clients are kvpb; encoding is a pure function.
	"kv/node":        {modulePath + "/kv/wal", modulePath + "/kv/kvpb", protobufPath + "/proto"},
	"kv/client/core": {modulePath + "/kv/kvpb", protobufPath + "/proto"},
}

// testLibraries have no place in what users run.
var testLibraries = []string{
	"testing", "github.com/stretchr/testify", "pgregory.net/rapid", "go.uber.org/goleak",
	"github.com/anishathalye/porcupine",
}

var depsRules = []rule{
	{
		name:   "pure-imports",
		reason: "decisions are deterministic state machines (DESIGN §1.1), so that the simulation runs the very code of production; a package that can reach the world can depend on it",
		remedy: "take what you need as an argument or through an interface of kv/env, or move the code into a shell (kv/osio, kv/grpcio, kv/client)",
		check: banImports(func(s source) bool { return !s.test && within(s.dir, pureDirs...) }, func(s source, imp string) bool {
			return isStd(imp) && slices.Contains(pureStd, imp) || imp == xxhashPath ||
				isOurs(imp, pureDirs...) || slices.Contains(pureSeams[s.dir], imp)
		}),
	},
	{
		name:   "netsim-is-blind",
		reason: "the simulated world carries bytes: if it knew raft or kv, nodes could share memory and the codec would go untested (DESIGN §8)",
		remedy: "let netsim see kv/env's interfaces only, and put what knows the store into testsuite",
		check: banImports(func(s source) bool { return within(s.dir, "netsim") }, func(s source, imp string) bool {
			known := isStd(imp) || imp == xxhashPath || imp == vfsPath || isOurs(imp, "netsim", "kv/env")
			return known || s.test && !isOurs(imp, ".")
		}),
	},
	{
		name:   "production-knows-no-tests",
		reason: "production code contains no test hooks (DESIGN §1.2): what users run must not know that it can be simulated, checked or mutated",
		remedy: "move the code into a _test.go file or into testsuite",
		check: banImports(func(s source) bool { return !s.test && within(s.dir, "raft", "hashing", "kv") }, func(_ source, imp string) bool {
			return !within(imp, testLibraries...) && !isOurs(imp, "netsim", "checker", "testsuite")
		}),
	},
	{
		name:   "grpc-in-shells",
		reason: "gRPC starts goroutines and reads clocks; only thin shells may carry its events in and effects out (DESIGN §1.1)",
		remedy: "go through env.Transport, or move the code into kv/grpcio, kv/client or cmd",
		check: banImports(func(s source) bool {
			return s.dir != "kv/client" && !within(s.dir, "kv/grpcio", "kv/server", "cmd", "testsuite/live") && !isKvpb(s)
		}, func(_ source, imp string) bool {
			return !within(imp, grpcPath)
		}),
	},
	{
		name:   "protobuf-at-the-wire",
		reason: "protobuf is the format of the wire: consensus, state machine and checking have their own types, so that the wire can change without them",
		remedy: "convert at the edge, in kv/node, kv/client or kv/grpcio",
		check: banImports(func(s source) bool {
			return !within(s.dir, "kv/kvpb", "kv/node", "kv/client", "kv/grpcio", "kv/server", "cmd", "testsuite", "internal/tools")
		}, func(_ source, imp string) bool {
			return !within(imp, protobufPath) && !isOurs(imp, "kv/kvpb")
		}),
	},
	{
		name:   "pebble-in-storage",
		reason: "the engine is replaceable, and its traps (options, formats, errors that are final) are handled in one place, kv/storage (DESIGN §4)",
		remedy: "use env.Engine, and env.FS for files",
		check: banImports(func(s source) bool { return !within(s.dir, "kv/storage") }, func(s source, imp string) bool {
			if imp == vfsPath {
				return s.test || within(s.dir, "kv/env", "kv/wal", "kv/osio", "kv/datadir", "netsim")
			}
			return !within(imp, pebblePath)
		}),
	},
}

// banImports makes a check of a rule about imports: of the files in scope,
// each import must be allowed.
func banImports(scope func(source) bool, allowed func(s source, imp string) bool) func(source) []finding {
	return func(s source) []finding {
		if !scope(s) {
			return nil
		}
		var out []finding
		for _, spec := range s.file.Imports {
			if imp := importPath(spec); !allowed(s, imp) {
				out = append(out, s.found(spec.Pos(), "%s imports %q", s.dir, imp))
			}
		}
		return out
	}
}

// within tells whether name is one of the roots or below one.
func within(name string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return name == root || strings.HasPrefix(name, root+"/")
	})
}

// isOurs tells whether an import is a package of this module in or below one of
// the directories; "." stands for the whole module.
func isOurs(imp string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return within(imp, path.Join(modulePath, dir)) })
}

// isStd tells whether an import is of the standard library: its first element
// has no dot.
func isStd(imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	return !strings.Contains(first, ".")
}

func isKvpb(s source) bool { return within(s.dir, "kv/kvpb") && s.generated }

// Goal: who may import whom is as DESIGN §2 says (TREE-1).
// Method: parse the imports of every Go file and hold them to each rule.
func TestPackagesImportOnlyWhatTheirRoleAllows(t *testing.T) {
	tree := loadTree(t)
	for _, r := range depsRules {
		t.Run(r.name, func(t *testing.T) { requireKept(t, r, breaches(r, tree)) })
	}
}

// Goal: no import rule is a no-op, and none objects to what is wanted.
// Method: for each rule, files that break it and no other; and files that
// break none.
func TestImportRulesObjectToWhatTheyForbidAndNothingElse(t *testing.T) {
	requireRulesBite(t, depsRules, map[string][]fakeFile{
		"pure-imports": {
			importing("raft/core.go", "os"),
			importing("raft/progress/progress.go", "sync"),
			importing("hashing/ring.go", "math/rand"),
			importing("kv/machine/apply.go", "context"),
			importing("kv/node/node.go", "net/http"),
			importing("kv/node/node.go", modulePath+"/kv/osio"),
			importing("kv/placement/plan.go", "github.com/prometheus/client_golang/prometheus"),
			importing("kv/client/core/route.go", modulePath+"/kv/client"),
			importing("kv/machine/apply.go", modulePath+"/kv/wal"),
		},
		"netsim-is-blind": {
			importing("netsim/world.go", modulePath+"/raft"),
			importing("netsim/world_test.go", modulePath+"/kv/replica"),
			importing("netsim/disk/disk.go", modulePath+"/testsuite"),
			importing("netsim/world.go", "github.com/spf13/cobra"),
		},
		"production-knows-no-tests": {
			importing("kv/osio/loop.go", modulePath+"/netsim"),
			importing("kv/storage/conformance.go", "testing"),
			importing("kv/wal/audit.go", modulePath+"/checker/history"),
			importing("kv/grpcio/server.go", modulePath+"/testsuite"),
			importing("kv/storage/property.go", "pgregory.net/rapid"),
		},
		"grpc-in-shells": {
			importing("checker/history.go", grpcPath+"/codes"),
			importing("kv/osio/loop.go", grpcPath),
			importing("testsuite/cluster/cluster_test.go", grpcPath),
			importing("kv/node/node_test.go", grpcPath),
		},
		"protobuf-at-the-wire": {
			importing("checker/history.go", protobufPath+"/proto"),
			importing("kv/wal/record.go", modulePath+"/kv/kvpb"),
			importing("raft/codec_test.go", protobufPath+"/proto"),
		},
		"pebble-in-storage": {
			importing("kv/osio/files.go", "github.com/cockroachdb/pebble/v2"),
			importing("cmd/holdfast/main.go", "github.com/cockroachdb/pebble/v2/sstable"),
			importing("kv/wal/wal_test.go", "github.com/cockroachdb/pebble/v2"),
			importing("kv/grpcio/server.go", vfsPath),
		},
	}, []fakeFile{
		importing("raft/core.go", "time"), importing("raft/core_test.go", "testing"),
		importing("raft/core_test.go", "pgregory.net/rapid"), importing("kv/env/fs.go", vfsPath),
		importing("raft/core.go", modulePath+"/raft/quorum"), importing("hashing/ring.go", xxhashPath),
		importing("kv/node/node.go", modulePath+"/kv/kvpb"), importing("kv/wal/wal.go", vfsPath),
		importing("kv/client/client.go", grpcPath+"/status"), importing("kv/storage/pebble.go", "github.com/cockroachdb/pebble/v2"),
		importing("kv/replica/replica_test.go", modulePath+"/netsim"), importing("netsim/disk.go", vfsPath),
		importing("netsim/world_test.go", "pgregory.net/rapid"), importing("cmd/holdfast/main.go", modulePath+"/testsuite"),
		{"kv/kvpb/kvpb_grpc.pb.go", "// Code generated by protoc-gen-go-grpc. DO NOT EDIT.\n\npackage kvpb\n\nimport _ \"" + grpcPath + "\"\n"},
	})
}

func importing(name, imp string) fakeFile {
	return fakeFile{name, "package p\n\nimport _ \"" + imp + "\"\n"}
}

// Goal: the rules above speak of packages that are there, so that a renamed
// package cannot slip out from under its rule.
// Method: each package of DESIGN §2 must have at least one non-test Go file.
func TestEveryPackageOfTheDesignExists(t *testing.T) {
	planned := []string{
		"raft", "raft/quorum", "raft/progress", "raft/rafttest",
		"kv/env", "kv/wal", "kv/storage", "kv/machine", "kv/replica", "kv/node", "kv/client", "kv/kvpb", "kv/grpcio", "kv/osio", "kv/datadir",
		"netsim", "checker", "cmd/holdfast", "testsuite",
	}
	have := make(map[string]bool)
	for _, s := range loadTree(t) {
		have[s.dir] = have[s.dir] || !s.test
	}
	missing := slices.DeleteFunc(planned, func(dir string) bool { return have[dir] })
	require.Empty(t, missing, "no Go code in these packages of DESIGN §2: write them, or change the design and the rules that name them")
}
