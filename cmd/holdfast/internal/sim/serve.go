package sim

import (
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/gallery"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

func serveCommand(streams *style.Streams) *cobra.Command {
	var listen string
	c := &cobra.Command{
		Use:   "serve [DIR]",
		Short: "Show the kept runs in a browser",
		Long: "List the runs that a directory keeps (runs, if none is given), newest first, with links to their reports. Only this machine\n" +
			"can reach it. The command runs until it is interrupted.",
		Example: "  holdfast sim run --seeds 20 --keep\n  holdfast sim serve runs",
		Args:    exit.Args(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "runs"
			if len(args) > 0 {
				dir = args[0]
			}
			return serveRuns(c, streams, dir, listen)
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "address of this machine; port 0 takes a free one")
	return c
}

func serveRuns(c *cobra.Command, streams *style.Streams, dir, listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil || host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return exit.Usagef("give one like 127.0.0.1:8080; from another machine, forward the port with ssh -L",
			"--listen %s is not an address of this machine alone", listen)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return exit.With(exit.Failure, fmt.Errorf("cannot show the runs in %s: %w", dir, err), "give the directory that `holdfast sim run --dir` kept runs in")
	}
	defer root.Close()
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return exit.With(exit.Failure, fmt.Errorf("cannot listen on %s: %w", listen, err), "choose another port, or 0 for any")
	}
	streams.Data("http://%s/", listener.Addr())
	streams.Talk("shows the runs in %s until it is interrupted", dir)
	return gallery.Serve(c.Context(), listener, gallery.Handler(root, dir))
}
