/** What can be done to the chosen rows. */
import { ActionIcon, Button, Text } from "@mantine/core";
import { IconBan, IconRotate, IconUserPlus, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Asking } from "./dialogs";

interface Props {
  count: number;
  /** All that match are chosen, not only the rows that are loaded. */
  all: boolean;
  /** Chooses all that match, where there are more than are loaded and each loaded one is chosen. */
  chooseAll?: () => void;
  may: { assign: boolean; prioritize: boolean; cancel: boolean; retry: boolean };
  ask: (asking: Asking) => void;
  retry: () => void;
  clear: () => void;
}

export function BulkBar({ count, all, chooseAll, may, ask, retry, clear }: Props) {
  const { t } = useTranslation();
  return (
    <div className="bulk-bar" role="toolbar" aria-label={t("tasks.bulk")}>
      <Text size="sm" fw={500} className="numbers" style={{ whiteSpace: "nowrap" }}>
        {all ? t("tasks.allChosen") : t("tasks.chosen", { count })}
      </Text>
      {chooseAll && !all && (
        <Button size="xs" variant="subtle" onClick={chooseAll}>
          {t("tasks.chooseMatching")}
        </Button>
      )}
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
