package main

import (
	"os"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/cli"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/live"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/sim"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

func main() {
	// The commands of package cli, and any further ones given here.
	os.Exit(cli.Main(os.Args[1:], sim.Command(style.System()), live.Command(style.System())))
}
