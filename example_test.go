package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/holdfastdb/holdfast/kv/client"
)

// The Go client: what the README shows. It is compiled by the tests and not run,
// since it needs a cluster.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	c, err := client.Dial(ctx, client.Config{Endpoints: []string{"127.0.0.1:7001", "127.0.0.1:7002", "127.0.0.1:7003"}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	res, err := c.Put(ctx, []byte("user1"), []byte("john"))
	switch {
	case errors.Is(err, client.ErrOutcomeUnknown):
		fmt.Println("perhaps stored, perhaps later, perhaps never: read the key")
	case err != nil:
		fmt.Println("certainly not stored:", err)
	default:
		fmt.Println("stored, version", res.Version)
	}

	res, err = c.CompareAndSetVersion(ctx, []byte("user1"), res.Version, []byte("jane"))
	if err == nil && res.ConditionFailed {
		fmt.Printf("somebody was faster: %s, version %d\n", res.Value, res.Version)
	}

	res, err = c.Get(ctx, []byte("user1"))
	if err == nil && res.Found {
		fmt.Printf("Value found: %s\n", res.Value)
	}
}
