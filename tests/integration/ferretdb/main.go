// Command ferretdb runs an embedded FerretDB over SQLite on a free loopback port, for the integration tests.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

// main takes the folder of the databases, prints the connection string, and serves until it is told to stop.
func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return errors.New("usage: ferretdb FOLDER")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	config := ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Handler:   "sqlite",
		SQLiteURL: "file:" + os.Args[1] + "/",
	}
	server, err := ferretdb.New(&config)
	if err != nil {
		return err
	}
	// The address is known once the listener runs; MongoDBURI waits for that.
	go func() { fmt.Println(server.MongoDBURI()) }()
	return server.Run(ctx)
}
