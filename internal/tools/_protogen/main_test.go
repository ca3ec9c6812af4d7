package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const source = `syntax = "proto3";
package pets;
option go_package = "example.com/pets/api";
import "google/protobuf/empty.proto";
// Pet is an animal.
message Pet { string name = 1; }
service Pets { rpc Add(Pet) returns (google.protobuf.Empty); }
`

// inModule makes a module with one .proto file and this repository's tools.mod,
// and moves the test into it.
func inModule(t *testing.T) {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"tools.mod", "tools.sum"} {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, name), string(b))
	}
	put(t, filepath.Join(dir, "go.mod"), "module example.com/pets\n\ngo 1.26.0\n")
	if err := os.Mkdir(filepath.Join(dir, "api"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "api/pets.proto"), source)
	t.Chdir(dir)
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Goal: -check accepts exactly what generation writes (GEN-1, GEN-3, GEN-4).
// Method: generate, then spoil the result in each of three ways; -check must
// name the file and fail, and generating again must heal it.
func TestCheckFailsUntilTheFilesAreCurrent(t *testing.T) {
	inModule(t)
	cases := []struct {
		want  string
		spoil func()
	}{
		{"api/pets.pb.go: missing", func() {}},
		{"api/pets_grpc.pb.go: out of date", func() { put(t, "api/pets_grpc.pb.go", "package api\n") }},
		{"api/gone.pb.go: left over", func() { put(t, "api/gone.pb.go", "package api\n") }},
		{"api/pets.pb.go: out of date", func() { put(t, "api/pets.proto", source+"message Toy {}\n") }},
	}
	for _, c := range cases {
		c.spoil()
		var log bytes.Buffer
		if err := run(context.Background(), []string{"api"}, true, &log); !errors.Is(err, errStale) {
			t.Fatalf("%s: check answered %v", c.want, err)
		}
		if !strings.Contains(log.String(), c.want) {
			t.Fatalf("check says %q, want %q in it", log.String(), c.want)
		}
		for _, check := range []bool{false, true} {
			if err := run(context.Background(), []string{"api"}, check, &log); err != nil {
				t.Fatalf("%s: with check=%v: %v", c.want, check, err)
			}
		}
	}
	code, err := os.ReadFile("api/pets.pb.go")
	if err != nil || !bytes.Contains(code, []byte("// Pet is an animal.")) {
		t.Fatalf("comments are lost (%v)", err)
	}
}

// Goal: a broken source writes nothing and is reported by file and line (GEN-2).
// Method: generate from a file with a type that does not exist.
func TestBrokenSourceIsNamedAndNothingIsWritten(t *testing.T) {
	inModule(t)
	put(t, "api/pets.proto", source+"message Bad { Nowhere x = 1; }\n")
	err := run(context.Background(), []string{"api"}, false, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "api/pets.proto:8:15") {
		t.Fatalf("got %v, want an error at api/pets.proto:8:15", err)
	}
	if left, err := list(".", "api", ".pb.go"); err != nil || len(left) > 0 {
		t.Fatalf("left behind: %v (%v)", left, err)
	}
}
