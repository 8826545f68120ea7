package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"
)

// h2spec runs every case of every group, several at once: each has its own connection.
func h2spec(address string) {
	host, port, _ := net.SplitHostPort(address)
	number, _ := strconv.Atoi(port)
	settings := &config.Config{
		Host: host, Port: number, Path: "/suite.Echo/Echo", Timeout: 2 * time.Second,
		MaxHeaderLen: 4000, Strict: true,
	}
	var cases []func() string
	for _, group := range []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()} {
		cases = append(cases, collect(settings, group)...)
	}
	lines := make([]string, len(cases))
	turns, all := make(chan bool, 16), sync.WaitGroup{}
	for i, run := range cases {
		all.Add(1)
		turns <- true
		go func() {
			defer func() { <-turns; all.Done() }()
			lines[i] = run()
		}()
	}
	all.Wait()
	for _, line := range lines {
		fmt.Fprintln(os.Stdout, line)
	}
}

func collect(settings *config.Config, group *spec.TestGroup) []func() string {
	var found []func() string
	for i, test := range append(append([]*spec.TestCase{}, group.Tests...), group.StrictTests...) {
		name := fmt.Sprintf("%s/%d %s", group.ID(), i+1, test.Desc)
		found = append(found, func() string { return one(settings, test, name) })
	}
	for _, inner := range group.Groups {
		found = append(found, collect(settings, inner)...)
	}
	return found
}

func one(settings *config.Config, test *spec.TestCase, name string) string {
	connection, err := spec.Dial(settings)
	if err != nil {
		return fmt.Sprintf("FAIL %s :: no connection: %v", name, err)
	}
	defer connection.Close()
	err = test.Run(settings, connection)
	switch {
	case err == nil:
		return "PASS " + name
	case err == spec.ErrSkipped:
		return "SKIP " + name
	}
	if failed, ok := err.(*spec.TestError); ok {
		return fmt.Sprintf("FAIL %s :: expected %q, seen %s", name, failed.Expected, failed.Actual)
	}
	return fmt.Sprintf("FAIL %s :: %v", name, err)
}
