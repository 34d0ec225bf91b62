/** What can be done to the chosen rows. */
import { ActionIcon, Button, Text } from "@mantine/core";
import { IconBan, IconRotate, IconUserPlus, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Asking } from "./dialogs";

interface Props {
  count: number;
  may: { assign: boolean; prioritize: boolean; cancel: boolean; retry: boolean };
  ask: (asking: Asking) => void;
  retry: () => void;
  clear: () => void;
}

export function BulkBar({ count, may, ask, retry, clear }: Props) {
  const { t } = useTranslation();
  return (
    <div className="bulk-bar" role="toolbar" aria-label={t("tasks.bulk")}>
      <Text size="sm" fw={500} className="numbers" style={{ whiteSpace: "nowrap" }}>
        {t("tasks.chosen", { count })}
      </Text>
      {may.assign && (
        <Button
          size="xs"
          variant="default"
          leftSection={<IconUserPlus size={14} />}
          onClick={() => ask("assign")}
        >
          {t("tasks.do.assign")}
        </Button>
      )}
      {may.prioritize && (
        <Button size="xs" variant="default" onClick={() => ask("priority")}>
          {t("tasks.priority")}
        </Button>
      )}
      {may.retry && (
        <Button size="xs" variant="default" leftSection={<IconRotate size={14} />} onClick={retry}>
          {t("tasks.do.retry")}
        </Button>
      )}
      {may.cancel && (
        <Button size="xs" variant="default" leftSection={<IconBan size={14} />} onClick={() => ask("cancel")}>
          {t("tasks.do.cancel")}
        </Button>
      )}
      <ActionIcon variant="subtle" color="gray" onClick={clear} aria-label={t("tasks.clearChosen")}>
        <IconX size={16} />
      </ActionIcon>
    </div>
  );
}
