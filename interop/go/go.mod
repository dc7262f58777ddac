module lictor.example/interop

go 1.19
