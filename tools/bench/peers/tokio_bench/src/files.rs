//! Files, all of which are in the system's memory.
use crate::{time, Outcome};
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

/// A directory of the row's own, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("tokio_bench.{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn file(&self, size: usize) -> PathBuf {
        let path = self.0.join("file");
        std::fs::write(&path, vec![1u8; size]).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

pub async fn whole() -> Outcome {
    let (reads, size) = (20_000, 64 * 1024);
    let folder = Folder::new();
    let path = folder.file(size);
    let start = Instant::now();
    tokio::spawn(async move {
        for _ in 0..reads {
            let bytes = tokio::fs::read(&path).await.unwrap();
            assert!(bytes.len() == size && bytes[size - 1] == 1);
        }
    })
    .await
    .unwrap();
    time(reads, start.elapsed())
}

async fn read_through(path: PathBuf, size: usize, reads: usize, passes: usize) {
    tokio::spawn(async move {
        let mut file = File::open(path).await.unwrap();
        let mut buf = vec![0u8; size];
        for pass in 0..passes {
            if pass > 0 {
                file.seek(SeekFrom::Start(0)).await.unwrap();
            }
            for _ in 0..reads {
                file.read_exact(&mut buf).await.unwrap();
                assert!(buf[size - 1] == 1);
            }
        }
    })
    .await
    .unwrap();
}

pub async fn large() -> Outcome {
    let (size, reads, passes) = (256 * 1024, 256, 16);
    let folder = Folder::new();
    let path = folder.file(size * reads);
    let start = Instant::now();
    read_through(path, size, reads, passes).await;
    time(64 * passes, start.elapsed())
}

pub async fn small() -> Outcome {
    let (size, reads, passes) = (4 * 1024, 4_000, 25);
    let folder = Folder::new();
    let path = folder.file(size * reads);
    let start = Instant::now();
    read_through(path, size, reads, passes).await;
    time(reads * passes, start.elapsed())
}

async fn walk(root: &Path) -> usize {
    let mut files = 0;
    let mut left = vec![root.to_path_buf()];
    while let Some(path) = left.pop() {
        let mut dir = tokio::fs::read_dir(path).await.unwrap();
        while let Some(entry) = dir.next_entry().await.unwrap() {
            let kind = entry.file_type().await.unwrap();
            if kind.is_dir() {
                left.push(entry.path());
            } else {
                files += usize::from(kind.is_file() && !entry.path().as_os_str().is_empty());
            }
        }
    }
    files
}

pub async fn walks() -> Outcome {
    let (dirs, files, walks) = (100, 100, 10);
    let folder = Folder::new();
    for dir in 0..dirs {
        let path = folder.0.join(dir.to_string());
        std::fs::create_dir(&path).unwrap();
        for file in 0..files {
            std::fs::write(path.join(file.to_string()), "").unwrap();
        }
    }
    let root = folder.0.clone();
    let start = Instant::now();
    tokio::spawn(async move {
        for _ in 0..walks {
            assert_eq!(walk(&root).await, dirs * files);
        }
    })
    .await
    .unwrap();
    time(walks * dirs * files, start.elapsed())
}
