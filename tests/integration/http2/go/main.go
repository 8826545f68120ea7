// Runs one of: h2spec's cases, gRPC's interop cases for unary services, or our own cases with grpc-go.
// Each case prints one line, "PASS name" or "FAIL name :: what was seen".
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

func report(name string, err error) {
	if err != nil {
		fmt.Printf("FAIL %s :: %v\n", name, err)
		return
	}
	fmt.Printf("PASS %s\n", name)
}

func dial(address string, roots string, options ...grpc.DialOption) *grpc.ClientConn {
	transport := insecure.NewCredentials()
	if roots != "" {
		pool := x509.NewCertPool()
		pem, err := os.ReadFile(roots)
		if err != nil || !pool.AppendCertsFromPEM(pem) {
			panic("no certificate in " + roots)
		}
		transport = credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: "models.example"})
	}
	options = append(options, grpc.WithTransportCredentials(transport))
	connection, err := grpc.NewClient("passthrough:///"+address, options...)
	if err != nil {
		panic(err)
	}
	return connection
}

func main() {
	if len(os.Args) < 3 {
		fmt.Println("usage: suites h2spec|interop|client ADDRESS [TLS_ADDRESS ROOTS]")
		os.Exit(2)
	}
	switch os.Args[1] {
	case "h2spec":
		h2spec(os.Args[2])
	case "interop":
		interop(dial(os.Args[2], ""))
	case "client":
		client(os.Args[2], os.Args[3], os.Args[4])
	}
}
