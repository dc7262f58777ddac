//! A small HTTP/1.1 client that keeps what a judge needs: letter case, exact bytes, times.
