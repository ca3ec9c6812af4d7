package etcd

import (
	"fmt"
	"net/url"
	"os"

	"go.etcd.io/etcd/server/v3/embed"
)

// Word is the first argument of a program that is to be a node.
const Word = "etcd-node"

// Serve is a node, until its process ends. The arguments are Word, its name, its directory, where it listens for peers and
// where they find it, the same for clients, and the members as NAME=URL,...
func Serve(args []string) error {
	if len(args) != 8 || args[0] != Word {
		return fmt.Errorf("etcd: want %s NAME DIR and four addresses and the members, have %q", Word, args)
	}
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir, cfg.InitialCluster = args[1], args[2], args[7]
	cfg.LogOutputs, cfg.LogLevel = []string{"stderr"}, "warn"
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{at(args[3])}, []url.URL{at(args[4])}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{at(args[5])}, []url.URL{at(args[6])}
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		return fmt.Errorf("etcd: starting node %s: %w", args[1], err)
	}
	<-e.Server.ReadyNotify()
	fmt.Fprintf(os.Stderr, "etcd node %s is ready\n", args[1])
	return <-e.Err()
}

func at(address string) url.URL { return url.URL{Scheme: "http", Host: address} }
