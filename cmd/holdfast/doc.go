// Command holdfast is the one program of Holdfast: it runs nodes, talks to a
// cluster, simulates, measures and judges. docs/cli.md describes it; the commands
// are in the packages below internal.
package main
