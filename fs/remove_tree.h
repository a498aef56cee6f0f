// RemoveTree: removes a file, or a directory with all that is in it; links are removed, not followed. Blocks.
#ifndef KIOTO_FS_REMOVE_TREE_H_
#define KIOTO_FS_REMOVE_TREE_H_

namespace kioto::fs::internal {

// 0, or errno. What is removed by somebody else meanwhile is no error, but if that is `path` itself (ENOENT). Holds an fd for each
// level of the tree: EMFILE for one that is deeper than there are fds.
int RemoveTree(const char* path);

}  // namespace kioto::fs::internal

#endif  // KIOTO_FS_REMOVE_TREE_H_
