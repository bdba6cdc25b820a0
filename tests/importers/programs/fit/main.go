// Counts the values of heart rate, RR intervals and respiratory rate in FIT files, with a decoder that is not fitdecode.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/muktihari/fit/decoder"
	"github.com/muktihari/fit/profile/basetype"
	"github.com/muktihari/fit/profile/mesgdef"
	"github.com/muktihari/fit/profile/typedef"
)

func count(path string) (map[string]int, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	found := map[string]int{}
	dec := decoder.New(bufio.NewReader(file))
	for dec.Next() {
		fit, err := dec.Decode()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return found, err
		}
		for i := range fit.Messages {
			mesg := &fit.Messages[i]
			switch mesg.Num {
			case typedef.MesgNumRecord:
				record := mesgdef.NewRecord(mesg)
				if record.HeartRate != basetype.Uint8Invalid && record.HeartRate != 0 {
					found["record"]++
				}
				if record.EnhancedRespirationRate != basetype.Uint16Invalid && record.EnhancedRespirationRate != 0 {
					found["respiratory_rate"]++
				}
			case typedef.MesgNumHrv:
				for _, interval := range mesgdef.NewHrv(mesg).Time {
					if interval != basetype.Uint16Invalid {
						found["rr_interval"]++
					}
				}
			case typedef.MesgNumHr:
				for _, rate := range mesgdef.NewHr(mesg).FilteredBpm {
					if rate != basetype.Uint8Invalid && rate != 0 {
						found["hr"]++
					}
				}
			}
		}
	}
	return found, nil
}

func main() {
	all := map[string]map[string]int{}
	for _, path := range os.Args[1:] {
		found, err := count(path)
		if err != nil {
			fmt.Fprintln(os.Stderr, path, err)
		}
		all[path] = found
	}
	json.NewEncoder(os.Stdout).Encode(all)
}
