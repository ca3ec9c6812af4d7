// Package kvpb is what clients, operators and peers say to a node: the messages
// and gRPC services of kvpb.proto, and the Go code generated from it. The .proto
// file documents them; there is no hand-written code here.
//
// Contract, by number:
//
//	KVPB-1  The number of a field or of an enum value is never reused for
//	        something else.
//	KVPB-2  A field that is not set means what it meant before the field existed,
//	        so that nodes and clients of neighbouring versions understand each other.
//	KVPB-3  The generated files are committed, and are exactly what
//	        internal/tools/_protogen makes of the .proto files; .ci/run checks that.
package kvpb

//go:generate go run -modfile=../../tools.mod ../../internal/tools/_protogen
