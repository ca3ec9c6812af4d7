package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// plugins are the code generators, in the order they run. Both are `tool`s of
// tools.mod.
var plugins = []string{"protoc-gen-go", "protoc-gen-go-grpc"}

// generate returns the Go files for all .proto files of one directory, by path
// from the root.
func generate(ctx context.Context, root, dir string) (map[string][]byte, error) {
	sources, err := list(root, dir, ".proto")
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("no .proto file in %s: name a directory that has one", dir)
	}
	files, err := compile(ctx, root, sources)
	if err != nil {
		return nil, err
	}
	request, err := proto.MarshalOptions{Deterministic: true}.Marshal(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: sources,
		Parameter:      proto.String("paths=source_relative"),
		ProtoFile:      descriptors(files),
	})
	if err != nil {
		return nil, fmt.Errorf("encode the request for the plugins: %w", err)
	}
	out := make(map[string][]byte)
	for _, plugin := range plugins {
		if err := runPlugin(ctx, root, plugin, request, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// compile parses and links the sources. Comments are kept, as they become Go
// comments. The error names file, line and column.
func compile(ctx context.Context, root string, sources []string) (linker.Files, error) {
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(
			&protocompile.SourceResolver{ImportPaths: []string{root}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(ctx, sources...)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	return files, nil
}

// descriptors lists the files and all they import, each after its imports, as
// the plugin protocol asks for.
func descriptors(files linker.Files) []*descriptorpb.FileDescriptorProto {
	var out []*descriptorpb.FileDescriptorProto
	seen := make(map[string]bool)
	var visit func(fd protoreflect.FileDescriptor)
	visit = func(fd protoreflect.FileDescriptor) {
		if seen[fd.Path()] {
			return
		}
		seen[fd.Path()] = true
		imports := fd.Imports()
		for i := range imports.Len() {
			visit(imports.Get(i).FileDescriptor)
		}
		if result, ok := fd.(linker.Result); ok {
			out = append(out, result.FileDescriptorProto())
			return
		}
		out = append(out, protodesc.ToFileDescriptorProto(fd))
	}
	for _, fd := range files {
		visit(fd)
	}
	return out
}

// runPlugin gives the request to one code generator and adds its files to out.
func runPlugin(ctx context.Context, root, plugin string, request []byte, out map[string][]byte) error {
	cmd := exec.CommandContext(ctx, "go", "tool", "-modfile=tools.mod", plugin)
	cmd.Dir = root
	cmd.Stdin = bytes.NewReader(request)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", plugin, err, stderr.Bytes())
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(stdout.Bytes(), &response); err != nil {
		return fmt.Errorf("%s: its answer cannot be decoded: %w", plugin, err)
	}
	if response.Error != nil {
		return fmt.Errorf("%s: %s", plugin, response.GetError())
	}
	for _, f := range response.GetFile() {
		out[f.GetName()] = []byte(f.GetContent())
	}
	return nil
}
