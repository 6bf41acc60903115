-- Synthetic twins of the databases of the five systems, in one SQLite file.
-- A, the viewer: the local layout, the web host's copy, and an older one that grew by ALTER
CREATE TABLE models (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, author TEXT, description TEXT, file_paths TEXT NOT NULL, backup_paths TEXT,
    storage_type TEXT DEFAULT 'web', share_token TEXT UNIQUE NOT NULL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    last_accessed TIMESTAMP, access_count INTEGER DEFAULT 0, real_height REAL DEFAULT 1.0
);
CREATE TABLE annotations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, model_token TEXT NOT NULL, position_x REAL NOT NULL, position_y REAL NOT NULL,
    position_z REAL NOT NULL, text TEXT NOT NULL, completed BOOLEAN DEFAULT 0, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (model_token) REFERENCES models (share_token) ON DELETE CASCADE
);
CREATE INDEX annotations_of_model ON annotations (model_token);
CREATE TABLE web_models (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, author TEXT, description TEXT, share_token TEXT UNIQUE NOT NULL, obj_path TEXT,
    mtl_path TEXT, texture_paths TEXT, storage_type TEXT DEFAULT 'local', access_count INTEGER DEFAULT 0,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
ALTER TABLE web_models ADD COLUMN real_height REAL DEFAULT 1.0;
INSERT INTO models VALUES
    ('0123456789abcdef0123456789abcdef', '250214_고객_모형_2.3m', NULL, '', '{"obj_path":"0123/model.obj","mtl_path":"0123/model.mtl","texture_paths":["0123/.png","0123/1.jpg"]}', NULL, 'web', '7d9f1c9e-8f5b-4b55-9d1c-1f7a7c2f3b11', '2025-02-14 10:02:49', '2025-03-01 00:00:00.123456', 17, 2.3),
    ('fedcba9876543210fedcba9876543210', 'O''Brien "x"', 'Unknown', 'line
two', '{}', '[]', 'web', 'c0a8012e-0000-4000-8000-000000000001', '2025-02-14T01:02:49Z', NULL, 0, 2),
    ('00000000000000000000000000000000', '', 'é', NULL, '{"texture_paths":[]}', NULL, 'local', 'T', NULL, NULL, NULL, NULL);
INSERT INTO annotations (id, model_token, position_x, position_y, position_z, text, completed, created_at) VALUES
    (7, '7d9f1c9e-8f5b-4b55-9d1c-1f7a7c2f3b11', 0.1, -0.0, 1e-300, '여기 👀', 1, '2025-02-15 09:00:00'),
    (9, '7d9f1c9e-8f5b-4b55-9d1c-1f7a7c2f3b11', 1, 2, 3, '', 0, NULL);
INSERT INTO web_models (id, name, share_token, texture_paths) VALUES ('a', '모델_0123abcd', 'b', '["files/a/x.png"]');
-- B, reconstruction
CREATE TABLE jobs (
    job_id VARCHAR(8) NOT NULL, pub_key VARCHAR(10) NOT NULL, status VARCHAR(20) DEFAULT 'PENDING', step VARCHAR(30), progress INTEGER,
    created_at DATETIME, started_at DATETIME, completed_at DATETIME, original_resolution BOOLEAN, image_count INTEGER,
    iterations INTEGER DEFAULT 10000, gaussian_count INTEGER, file_size_mb FLOAT, error_message TEXT, error_stage VARCHAR(50),
    retry_count INTEGER DEFAULT 0, processing_time_seconds FLOAT, PRIMARY KEY (job_id), UNIQUE (pub_key)
);
CREATE TABLE error_logs (
    id INTEGER NOT NULL, job_id VARCHAR(8) NOT NULL, timestamp DATETIME, stage VARCHAR(50), error_type VARCHAR(100),
    error_message TEXT, traceback TEXT, PRIMARY KEY (id)
);
CREATE INDEX ix_error_logs_job_id ON error_logs (job_id);
INSERT INTO jobs VALUES
    ('a1B2c3D4', '0123456789', 'DONE', NULL, NULL, '2025-09-21 12:59:41.123456', '2025-09-21 12:59:42.000000', NULL, 1, 12, 10000, 812345, 19.75, NULL, NULL, 0, 1834.0625),
    ('00000001', 'abcDEF0123', 'FAILED', '[3/6]', 50, '2025-09-21 12:59:41', NULL, NULL, 0, NULL, 30000, NULL, 19, '[Exception] CUDA out of memory', 'training', 2, 1e3);
INSERT INTO error_logs VALUES (1, '00000001', '2025-09-21 13:00:00.000001', 'training', 'RuntimeError', 'out of memory', 'Traceback (most recent call last):
  File "train.py", line 1');
-- C, conversations
CREATE TABLE conversations (
    id INTEGER PRIMARY KEY, room_id TEXT NOT NULL, content TEXT NOT NULL, timestamp TEXT, ai_model TEXT, raw INTEGER DEFAULT 0,
    UNIQUE (room_id, timestamp, content)
);
INSERT INTO conversations (room_id, content, timestamp, ai_model) VALUES
    ('방: 하나', '## 🗣️ **김질문(2025년 09월 14일 일요일 오후 4:31:13)** : "왜?"', '2025. 9. 21. 오후 9:59:41', 'Claude'),
    ('방: 하나', '**답** [GPT-4]: 여러
줄
', '2025년 00월 00일 00요일 00시 00분', NULL);
-- D, sessions: the target's table as SQLite keeps it, and the queue
CREATE TABLE gfx_sessions (
    id TEXT PRIMARY KEY, session_id BIGINT NOT NULL, file_name TEXT, file_hash TEXT NOT NULL UNIQUE, nas_path TEXT,
    table_type TEXT CHECK (table_type IN ('FEATURE_TABLE', 'MAIN_TABLE', 'FINAL_TABLE', 'SIDE_TABLE', 'UNKNOWN')),
    payouts JSON, hand_count INTEGER, total_duration_seconds REAL, session_start TIMESTAMP, raw_json JSON NOT NULL,
    sync_status TEXT DEFAULT 'pending', gfx_pc_id TEXT
);
CREATE TABLE pending_sync (
    id INTEGER PRIMARY KEY AUTOINCREMENT, record_json TEXT NOT NULL, gfx_pc_id TEXT, file_path TEXT, retry_count INTEGER DEFAULT 0,
    created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, last_error TEXT
);
CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT, record_json TEXT NOT NULL, gfx_pc_id TEXT, file_path TEXT, retry_count INTEGER,
    error_reason TEXT, created_at TEXT
);
CREATE INDEX idx_pending_created ON pending_sync (created_at);
INSERT INTO gfx_sessions VALUES
    ('7d9f1c9e-8f5b-4b55-9d1c-1f7a7c2f3b11', 638961224831992165, 'PGFX_live_data_export GameID=638961224831992165.json', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '/nas/PC01', 'FINAL_TABLE', '[1, 2]', 82, 206.98, '2025-10-17T11:34:43.1992165Z', '{"ID":638961224831992165,"Payouts":[0,0],"Hands":[]}', 'synced', 'PC01'),
    ('c0a8012e-0000-4000-8000-000000000001', 638961224831992165, NULL, 'ff', NULL, NULL, NULL, 0, 0, NULL, '{}', 'pending', NULL);
INSERT INTO pending_sync (record_json, gfx_pc_id, file_path, created_at) VALUES ('{"session_id": 638961224831992165}', 'PC01', 'PC01/hands/a b=1.json', '2025-10-17 11:34:43');
INSERT INTO dead_letter (id, record_json) VALUES (40, '{'), (41, '');
DELETE FROM dead_letter WHERE id = 41;
-- E, container logs
CREATE TABLE container_logs (
    id UUID PRIMARY KEY, captured_at TIMESTAMPTZ, container_owner TEXT NOT NULL, container_number TEXT NOT NULL,
    source_video TEXT, cropped_image_ref TEXT, created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX container_of ON container_logs (container_owner, container_number);
CREATE INDEX container_when ON container_logs (captured_at DESC);
INSERT INTO container_logs VALUES
    ('7d9f1c9e-8f5b-4b55-9d1c-1f7a7c2f3b11', '2025-02-14T10:02:49.200+09:00', 'TCNU', '8971796', 'Gate_In_Upper-20250214-100249-1739552569200-7.mp4', NULL, '2025-02-14 01:02:50'),
    ('c0a8012e-0000-4000-8000-000000000001', NULL, 'ABCD', '123456', NULL, '', NULL);
