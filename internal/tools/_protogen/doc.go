// Command protogen turns the project's .proto files into Go code without
// protoc: bufbuild/protocompile parses and links them, and protoc-gen-go and
// protoc-gen-go-grpc, pinned in tools.mod, write the code.
//
// Run it from anywhere inside the module:
//
//	go run -modfile=tools.mod ./internal/tools/_protogen            # write
//	go run -modfile=tools.mod ./internal/tools/_protogen -check     # compare only
//
// (`make generate` and `go generate ./kv/kvpb` do the former, .ci/run the
// latter.) Arguments name directories relative to the module root; the default
// is kv/kvpb. A file is known to protobuf by its path from the module root, so
// one .proto imports another as "kv/kvpb/other.proto".
//
// Why the directory begins with an underscore: protocompile is a tool, so it is
// required by tools.mod and not by go.mod. The go command leaves directories
// with a leading underscore out of ./... and of `go mod tidy`, so that go.mod
// stays free of it and `go build ./...` does not try to build this program. A
// build tag would not do: `go mod tidy` looks at files under every tag.
//
// Contract, by number:
//
//	GEN-1  Same inputs and tools.mod give the same files, byte for byte.
//	GEN-2  Nothing is written unless every file compiled and every plugin succeeded.
//	GEN-3  A generated file whose .proto is gone is removed.
//	GEN-4  With -check nothing is written; exit status 1 and a list of the files
//	       that differ when what is there is not what would be written.
package main
